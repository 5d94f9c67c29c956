import { join } from "node:path";
import { DataError } from "./data_error.ts";
import { optionalText, textField } from "./fields.ts";
import { difficulties, type Difficulty, type Problem } from "./problem.ts";
import { readRows, type Row } from "./read_rows.ts";
import { type ReadOptions, readSet } from "./read_set.ts";

function problemOf({ value, where }: Row): Problem {
  const difficulty = textField(value, "difficulty", where),
    reasoning = optionalText(value, "reasoning", where);
  if (!difficulties.includes(difficulty as Difficulty)) {
    throw new DataError(
      `reading ${where}: "difficulty" must be ${difficulties.join(", ")}, got ${difficulty}`,
    );
  }
  return {
    id: textField(value, "id", where),
    question: textField(value, "question", where),
    answer: textField(value, "answer", where),
    ...(reasoning === undefined ? {} : { reasoning }),
    difficulty: difficulty as Difficulty,
    domain: textField(value, "domain", where),
    ...(value.graph === undefined || value.graph === null ? {} : { graph: value.graph }),
  };
}

/** Problems in showwork's own JSONL: a file, or all files of a folder in order. @throws {DataError} naming file, line and rule */
export async function readProblems(path: string, options: ReadOptions = {}): Promise<Problem[]> {
  const files: string[] = [], folder = await Deno.stat(path).then((stat) => stat.isDirectory, () => false);
  if (folder) {
    for await (const { name } of Deno.readDir(path)) {
      if (name.endsWith(".jsonl")) files.push(join(path, name));
    }
    if (files.length === 0) throw new DataError(`reading data: the folder ${path} holds no .jsonl file`);
  } else files.push(path);
  const all = await Promise.all(files.sort().map(readRows));
  return readSet(
    path,
    { rows: all.flatMap(({ rows }) => rows), bad: all.flatMap(({ bad }) => bad) },
    problemOf,
    options,
  );
}
