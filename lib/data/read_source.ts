import type { DataSource, KnownSource } from "./data_schema.ts";
import { DataError } from "./data_error.ts";
import { addDistractors } from "./distractors.ts";
import { generateProblems } from "./generator.ts";
import type { FieldMapping } from "./dataset_options.ts";
import { mappedReader } from "./mapped_problem.ts";
import { difficulties, type Problem } from "./problem.ts";
import { readProblems } from "./read_problems.ts";
import { type BadLine, readRows, type Rows } from "./read_rows.ts";
import { type ReadOptions, readSet } from "./read_set.ts";
import { sourceReader } from "./source_registry.ts";
import { downloadDataset } from "../weights/hub.ts";
import { type Benchmark, benchmarkReaders, readBenchmarks, stemOf } from "./sources.ts";

/** What a source gave. */
export interface ReadSource {
  problems: Problem[];
  /** Lines that were left out. */
  bad: BadLine[];
}

const isKnown = (source: DataSource): source is KnownSource => sourceReader(source.source) === undefined;

/** Records in memory as problems: those that are whole stay as they are, others by their fields. */
export function problemsOf(
  records: readonly unknown[],
  { name, domain = "maths", fields = {} }: { name: string; domain?: string; fields?: FieldMapping },
): Problem[] {
  const map = mappedReader(fields, { name, domain });
  const rows = records.map((value, i) => ({
    where: `${name}, item ${i + 1}`,
    value: value as Record<string, unknown>,
  }));
  return readSet(name, { rows, bad: [] }, (row, i) => {
    const { value, where } = row;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new DataError(
        `reading ${where}: it must be an object such as { question, answer }, got ${JSON.stringify(value)}`,
      );
    }
    const problem = value as Partial<Problem>;
    const whole = [problem.id, problem.question, problem.answer, problem.domain].every((text) =>
      typeof text === "string"
    ) && difficulties.includes(problem.difficulty!);
    return whole ? value as unknown as Problem : map(row, i);
  });
}

/** Data sets of the hub whose fields are known. */
const knownIds: Record<string, Benchmark> = {
  "openai/gsm8k": "gsm8k",
  "HuggingFaceH4/MATH-500": "math500",
  "juletxara/mgsm": "mgsm",
  "ChilleD/SVAMP": "svamp",
  "Mathoctopus/MSVAMP": "msvamp",
};

/** A split of a data set of the hub, its files joined; problems are named by the set, not by where it lies. */
async function readHub(
  { path, config, split, revision, fields, domain }: KnownSource & { source: "hub" },
  options: ReadOptions,
): Promise<Problem[]> {
  const files = await downloadDataset(path, { config, split, ...(revision ? { revision } : {}) });
  const read = await Promise.all(files.map(readRows)), set = knownIds[path];
  const rows: Rows = { rows: read.flatMap(({ rows }) => rows), bad: read.flatMap(({ bad }) => bad) };
  const name = [config, split].filter((part) => part !== undefined).join("/");
  const reader = set && Object.keys(fields).length === 0
    ? benchmarkReaders[set](name)
    : mappedReader(fields, { name: `${path}/${name}`, domain });
  return readSet(path, rows, reader, options);
}

/** Reads a source of a data set; `seed` is that of what is random in it. @throws {DataError} naming file, line and rule */
export async function readSource(source: DataSource, seed: number): Promise<ReadSource> {
  if (!isKnown(source)) {
    const records = await sourceReader(source.source)!(source, { seed });
    if (!Array.isArray(records)) {
      throw new DataError(
        `reading data: the source ${source.source} must give a list of problems, got ${typeof records}`,
      );
    }
    return { problems: problemsOf(records, { name: source.source }), bad: [] };
  }
  const distracted = (problems: Problem[], seed: number) =>
    source.distractors > 0
      ? addDistractors(problems, { seed, share: source.distractors, kinds: source.distractorKinds })
      : problems;
  if (source.source === "generator") {
    const { seed: own = seed, distractorKinds, distractors, ...options } = source;
    const problems = generateProblems({
      ...options,
      seed: own,
      distractors: distractorKinds ? 0 : distractors,
    });
    return { problems: distractorKinds ? distracted(problems, own) : problems, bad: [] };
  }
  const bad: BadLine[] = [],
    options = { badLines: source.badLines, onBadLine: (line: BadLine) => void bad.push(line) };
  let all: Problem[];
  if (source.source === "problems") {
    const { domains } = source;
    all = (await readProblems(source.path, options)).filter(({ domain }) =>
      !domains || domains.includes(domain)
    );
  } else if (source.source === "file" || source.source === "jsonl") {
    const { path, fields, domain } = source;
    all = readSet(path, await readRows(path), mappedReader(fields, { name: stemOf(path), domain }), options);
  } else if (source.source === "hub") all = await readHub(source, options);
  else all = await readBenchmarks[source.source](source.path, options);
  const chosen = source.limit === null ? all : all.slice(0, source.limit);
  return { problems: distracted(chosen, seed), bad };
}
