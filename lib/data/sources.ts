import { graphFromAnnotations } from "../graph/graph_from_annotations.ts";
import { basename } from "node:path";
import { DataError } from "./data_error.ts";
import { decodeText } from "./decode_text.ts";
import { difficultyOf } from "./difficulty.ts";
import { optionalText, textField } from "./fields.ts";
import { levelDifficulty } from "./level_difficulty.ts";
import { plainNumber } from "./plain_number.ts";
import type { Problem } from "./problem.ts";
import { readBytes } from "./read_bytes.ts";
import { readRows, type Row, type Rows } from "./read_rows.ts";
import { type ProblemReader, type ReadOptions, readSet } from "./read_set.ts";

/** The names of the known sets. */
export const benchmarks = ["gsm8k", "math500", "mgsm", "svamp", "msvamp"] as const;

export type Benchmark = (typeof benchmarks)[number];

const graded = (problem: Omit<Problem, "difficulty">): Problem => ({
  ...problem,
  difficulty: difficultyOf(problem.reasoning ?? problem.question),
});

/** What a file is called, for ids: its name without folder and endings. */
export const stemOf = (path: string): string =>
  basename(path).replace(/(\.(jsonl?|[ct]sv|parquet|gz|txt))+$/i, "");

function numberField(value: Record<string, unknown>, field: string, where: string): string {
  const text = textField(value, field, where), number = plainNumber(text);
  if (number === null) {
    throw new DataError(
      `reading ${where}: the field "${field}" must hold a number, got ${JSON.stringify(text)}`,
    );
  }
  return number;
}

/** A GSM8K solution as reasoning, answer and graph. @throws {DataError} when it does not end in `#### answer` */
export function gsm8kSolution(
  solution: string,
  where: string,
): Pick<Problem, "answer" | "reasoning" | "graph"> {
  const at = solution.lastIndexOf("####"), answer = solution.slice(at + 4).trim();
  if (at < 0 || !answer) {
    throw new DataError(`reading ${where}: a GSM8K answer ends in "#### number", this one does not`);
  }
  const reasoning = solution.slice(0, at).replace(/<<[^>]*>>/g, "").trim();
  const { graph } = graphFromAnnotations(solution, answer);
  return { answer, ...(reasoning ? { reasoning } : {}), ...(graph ? { graph } : {}) };
}

/** How each known set makes a problem of a record; `name` is what its file is called. */
export const benchmarkReaders: Record<Benchmark, (name: string) => ProblemReader> = {
  gsm8k: (name) => ({ value, where }, i) =>
    graded({
      id: `gsm8k/${name}/${i}`,
      question: textField(value, "question", where),
      ...gsm8kSolution(textField(value, "answer", where), where),
      domain: "maths",
    }),
  math500: (name) => ({ value, where }, i) => {
    const reasoning = optionalText(value, "solution", where);
    const question = textField(value, "problem", where);
    return {
      id: `math500/${optionalText(value, "unique_id", where) ?? `${name}/${i}`}`,
      question,
      answer: textField(value, "answer", where),
      ...(reasoning ? { reasoning } : {}),
      difficulty: levelDifficulty(optionalText(value, "level", where) ?? "") ??
        difficultyOf(reasoning ?? question),
      domain: "maths",
    };
  },
  mgsm: (name) => ({ value, where }, i) =>
    graded({
      id: `mgsm/${name}/${i}`,
      question: textField(value, "question", where),
      answer: numberField(value, "answer_number" in value ? "answer_number" : "answer", where),
      domain: "maths",
    }),
  svamp: (name) => ({ value, where }, i) => {
    const body = textField(value, "Body", where).replace(/[^.!?]$/u, "$&.");
    return graded({
      id: `svamp/${optionalText(value, "ID", where) ?? `${name}/${i}`}`,
      question: `${body} ${textField(value, "Question", where)}`,
      answer: numberField(value, "Answer", where),
      domain: "maths",
    });
  },
  msvamp: (name) => ({ value, where }, i) => {
    const held = (fields: string[]) => fields.find((field) => optionalText(value, field, where)) ?? fields[0];
    return graded({
      id: `msvamp/${name}/${i}`,
      question: textField(value, held(["m_query", "question", "query"]), where),
      answer: numberField(value, held(["response", "answer"]), where),
      domain: "maths",
    });
  },
};

/** MGSM's own files: a question and its number a line, separated by a tab, without a header. */
async function tabbedRows(path: string): Promise<Rows> {
  const text = decodeText(await readBytes(path), path), rows: Row[] = [], bad: Rows["bad"] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (!line.trim()) continue;
    const where = `${path}, line ${i + 1}`, [question, answer, ...more] = line.split("\t");
    if (!question?.trim() || !answer?.trim() || more.some((part) => part.trim())) {
      bad.push({ where, reason: "MGSM has a question and an answer separated by a tab" });
    } else rows.push({ where, value: { question, answer } });
  }
  return { rows, bad };
}

async function readBenchmark(set: Benchmark, path: string, options?: ReadOptions): Promise<Problem[]> {
  const rows = set === "mgsm" && /\.tsv(\.gz)?$/i.test(path) ? await tabbedRows(path) : await readRows(path);
  return readSet(path, rows, benchmarkReaders[set](stemOf(path)), options);
}

/**
 * GSM8K: `{question, answer}` a record, the answer ending in `#### 18`; `<<48/2=24>>` marks are taken out of the reasoning and
 * become the problem's graph, where they lead to the answer.
 */
export const readGsm8k = (path: string, options?: ReadOptions): Promise<Problem[]> =>
  readBenchmark("gsm8k", path, options);

/** MATH-500: `{problem, solution, answer, subject, level, unique_id}` a record; level 1–2 (`2` or `Level 2`) is easy, 3 medium, 4–5 hard. */
export const readMath500 = (path: string, options?: ReadOptions): Promise<Problem[]> =>
  readBenchmark("math500", path, options);

/** MGSM: a question and its number a line, separated by a tab; or the records of its parquet files. */
export const readMgsm = (path: string, options?: ReadOptions): Promise<Problem[]> =>
  readBenchmark("mgsm", path, options);

/** SVAMP: `{ID, Body, Question, Equation, Answer}` a record. */
export const readSvamp = (path: string, options?: ReadOptions): Promise<Problem[]> =>
  readBenchmark("svamp", path, options);

/** MSVAMP: `{m_query, response}` a record, or with the fields of its parquet files. */
export const readMsvamp = (path: string, options?: ReadOptions): Promise<Problem[]> =>
  readBenchmark("msvamp", path, options);

/** The readers by the name of the set. */
export const readBenchmarks = {
  gsm8k: readGsm8k,
  math500: readMath500,
  mgsm: readMgsm,
  svamp: readSvamp,
  msvamp: readMsvamp,
};
