import { graphFromAnnotations } from "../graph/graph_from_annotations.ts";
import { difficultyOf } from "./difficulty.ts";
import { difficulties, type Difficulty, type Problem } from "./problem.ts";
import { DataError, readJsonl, readText, textField } from "./read_problems.ts";

const graded = (problem: Omit<Problem, "difficulty">): Problem => ({
  ...problem,
  difficulty: difficultyOf(problem.reasoning ?? problem.question),
});

/**
 * GSM8K: `{question, answer}` a line, the answer ending in `#### 18`; `<<48/2=24>>` marks are taken out of the reasoning and
 * become the problem's graph, where they lead to the answer.
 */
export async function readGsm8k(path: string): Promise<Problem[]> {
  return (await readJsonl(path)).map(({ value, where }, i) => {
    const solution = textField(value, "answer", where), at = solution.lastIndexOf("####");
    if (at < 0) {
      throw new DataError(`reading ${where}: a GSM8K answer ends in "#### number", this one does not`);
    }
    const reasoning = solution.slice(0, at).replace(/<<[^>]*>>/g, "").trim();
    const answer = solution.slice(at + 4).trim(), { graph } = graphFromAnnotations(solution, answer);
    return graded({
      id: `gsm8k/${i}`,
      question: textField(value, "question", where),
      answer,
      reasoning,
      domain: "maths",
      ...(graph ? { graph } : {}),
    });
  });
}

/** MATH-500: `{problem, solution, answer, subject, level, unique_id}` a line; level 1–2 is easy, 3 medium, 4–5 hard. */
export async function readMath500(path: string): Promise<Problem[]> {
  return (await readJsonl(path)).map(({ value, where }, i) => {
    const level = Number(value.level);
    return {
      id: `math500/${value.unique_id ?? i}`,
      question: textField(value, "problem", where),
      answer: textField(value, "answer", where),
      ...(value.solution ? { reasoning: textField(value, "solution", where) } : {}),
      difficulty: level <= 2 ? "easy" : level === 3 ? "medium" : "hard",
      domain: "maths",
    };
  });
}

/** MGSM: a question and its number a line, parted by a tab. */
export async function readMgsm(path: string): Promise<Problem[]> {
  return (await readText(path)).split("\n").filter((line) => line.trim()).map((line, i) => {
    const parts = line.split("\t");
    if (parts.length < 2 || !parts[0].trim() || !parts[1].trim()) {
      throw new DataError(
        `reading ${path}, line ${i + 1}: MGSM has a question and an answer parted by a tab`,
      );
    }
    return graded({ id: `mgsm/${i}`, question: parts[0].trim(), answer: parts[1].trim(), domain: "maths" });
  });
}

async function readArray(path: string): Promise<Record<string, unknown>[]> {
  let value: unknown;
  try {
    value = JSON.parse(await readText(path));
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`reading ${path}: it is not JSON`);
  }
  if (!Array.isArray(value)) throw new DataError(`reading ${path}: it must be a JSON array of problems`);
  return value;
}

/** SVAMP: `{ID, Body, Question, Equation, Answer}` in an array. */
export async function readSvamp(path: string): Promise<Problem[]> {
  return (await readArray(path)).map((value, i) => {
    const where = `${path}, problem ${i + 1}`, body = textField(value, "Body", where);
    return graded({
      id: `svamp/${value.ID ?? i}`,
      question: `${body.replace(/[^.!?]$/, "$&.")} ${textField(value, "Question", where)}`,
      answer: String(Number(textField(value, "Answer", where))),
      domain: "maths",
    });
  });
}

/** MSVAMP: `{m_query, response}` in an array, or with the fields of its parquet files. */
export async function readMsvamp(path: string): Promise<Problem[]> {
  return (await readArray(path)).map((value, i) => {
    const where = `${path}, problem ${i + 1}`,
      question = ["m_query", "question", "query"].find((field) => field in value) ?? "m_query";
    const answer = ["response", "answer"].find((field) => field in value) ?? "response";
    return graded({
      id: `msvamp/${i}`,
      question: textField(value, question, where),
      answer: textField(value, answer, where),
      domain: "maths",
    });
  });
}

/** Which fields of a JSONL file hold what. */
export interface FieldMapping {
  question: string;
  answer: string;
  reasoning?: string;
  difficulty?: string;
  domain?: string;
  id?: string;
}

/** Any JSONL file by a field mapping; difficulty comes from the number of steps where no field says. */
export async function readMapped(path: string, fields: FieldMapping, domain: string): Promise<Problem[]> {
  return (await readJsonl(path)).map(({ value, where }, i) => {
    const optional = (field?: string) =>
      field && value[field] !== undefined ? textField(value, field, where) : undefined;
    const reasoning = optional(fields.reasoning), said = optional(fields.difficulty)?.toLowerCase();
    if (said && !difficulties.includes(said as Difficulty)) {
      throw new DataError(`reading ${where}: the difficulty must be ${difficulties.join(", ")}, got ${said}`);
    }
    const problem = {
      id: optional(fields.id) ?? `${path}/${i}`,
      question: textField(value, fields.question, where),
      answer: textField(value, fields.answer, where),
      ...(reasoning ? { reasoning } : {}),
      domain: optional(fields.domain) ?? domain,
    };
    return said ? { ...problem, difficulty: said as Difficulty } : graded(problem);
  });
}
