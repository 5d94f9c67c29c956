import { PlainError } from "../display/plain_error.ts";
import { join } from "node:path";
import { difficulties, type Difficulty, type Problem } from "./problem.ts";

/** A data file that is missing, or a line of one that breaks a rule. */
export class DataError extends PlainError {
  override name = "DataError";
}

/** The lines of a JSONL file as objects, each with its place for messages. */
export async function readJsonl(path: string): Promise<{ where: string; value: Record<string, unknown> }[]> {
  const text = await readText(path);
  return text.split("\n").flatMap((line, i) => {
    if (!line.trim()) return [];
    const where = `${path}, line ${i + 1}`;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw new DataError(`reading ${where}: it is not JSON: ${line.slice(0, 60)}`);
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new DataError(`reading ${where}: it is not a JSON object: ${line.slice(0, 60)}`);
    }
    return [{ where, value: value as Record<string, unknown> }];
  });
}

/** A data file's text. @throws {DataError} when it cannot be read */
export async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new DataError(
      `reading data: ${path} ${
        error instanceof Deno.errors.NotFound
          ? "does not exist; give the path of the file or folder"
          : `cannot be read (${error instanceof Error ? error.message : error})`
      }`,
    );
  }
}

/** A text field of a line. @throws {DataError} when it is missing or empty */
export function textField(value: Record<string, unknown>, field: string, where: string): string {
  const text = typeof value[field] === "number" ? String(value[field]) : value[field];
  if (typeof text !== "string" || !text.trim()) {
    throw new DataError(
      `reading ${where}: the field "${field}" must hold a text, got ${
        JSON.stringify(value[field])?.slice(0, 60)
      }`,
    );
  }
  return text.trim();
}

function problemOf(value: Record<string, unknown>, where: string): Problem {
  const difficulty = textField(value, "difficulty", where);
  if (!difficulties.includes(difficulty as Difficulty)) {
    throw new DataError(
      `reading ${where}: "difficulty" must be ${difficulties.join(", ")}, got ${difficulty}`,
    );
  }
  return {
    id: textField(value, "id", where),
    question: textField(value, "question", where),
    answer: textField(value, "answer", where),
    ...(value.reasoning === undefined ? {} : { reasoning: textField(value, "reasoning", where) }),
    difficulty: difficulty as Difficulty,
    domain: textField(value, "domain", where),
    ...(value.graph === undefined ? {} : { graph: value.graph }),
  };
}

/** Problems in showwork's own JSONL: a file, or all files of a folder in order. @throws {DataError} naming file, line and rule */
export async function readProblems(path: string): Promise<Problem[]> {
  const files: string[] = [];
  try {
    if ((await Deno.stat(path)).isDirectory) {
      for await (const { name } of Deno.readDir(path)) {
        if (name.endsWith(".jsonl")) files.push(join(path, name));
      }
      if (files.length === 0) throw new DataError(`reading data: the folder ${path} holds no .jsonl file`);
    } else files.push(path);
  } catch (error) {
    if (error instanceof DataError) throw error;
    await readText(path);
  }
  const lines = (await Promise.all(files.sort().map(readJsonl))).flat(), seen = new Map<string, string>();
  return lines.map(({ value, where }) => {
    const problem = problemOf(value, where), before = seen.get(problem.id);
    if (before) throw new DataError(`reading ${where}: the id ${problem.id} stands already in ${before}`);
    seen.set(problem.id, where);
    return problem;
  });
}
