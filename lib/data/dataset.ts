import type { z } from "zod";
import { parseOptions } from "../options/parse_options.ts";
import { dataSchema, type DataSource } from "./data_schema.ts";
import { displayable } from "../display/displayable.ts";
import { htmlTable, textTable } from "../display/table.ts";
import { addDistractors } from "./distractors.ts";
import { generateProblems } from "./generator.ts";
import { heldOutSeed } from "./held_out.ts";
import { normaliseQuestion } from "./normalise_question.ts";
import { type Dataset, difficulties, type Problem } from "./problem.ts";
import { Random } from "../random/random.ts";
import { DataError, readProblems } from "./read_problems.ts";
import { readGsm8k, readMapped, readMath500, readMgsm, readMsvamp, readSvamp } from "./sources.ts";

/** Options of {@linkcode loadDataset}; see `dataSchema`. */
export type DatasetOptions = z.input<typeof dataSchema>;

const readers = {
  gsm8k: readGsm8k,
  math500: readMath500,
  mgsm: readMgsm,
  svamp: readSvamp,
  msvamp: readMsvamp,
};

async function readSource(source: DataSource, seed: number): Promise<Problem[]> {
  if (source.source === "generator") return generateProblems({ ...source, seed: source.seed ?? seed });
  const all = source.source === "problems"
    ? (await readProblems(source.path)).filter(({ domain }) =>
      !source.domains || source.domains.includes(domain)
    )
    : source.source === "jsonl"
    ? await readMapped(source.path, source.fields, source.domain)
    : await readers[source.source](source.path);
  const chosen = source.limit === null ? all : all.slice(0, source.limit);
  return source.distractors > 0 ? addDistractors(chosen, { seed, share: source.distractors }) : chosen;
}

/**
 * Loads training and test problems from their sources and checks that no test problem is in train: what stands in both is taken out of
 * train, and the note says how many. The training set is shuffled by the seed.
 *
 * @throws {DataError} naming file, line and rule, or when a set is empty
 * @throws {ConfigError} for an unknown or wrong option
 * @example
 * ```ts
 * import { loadDataset } from "../../mod.ts";
 * const data = await loadDataset({ train: [{ source: "generator", count: 400 }], test: [{ source: "generator", count: 100 }] });
 * ```
 */
export async function loadDataset(options: DatasetOptions): Promise<Dataset> {
  const config = parseOptions(dataSchema, options, "data");
  const read = async (sources: DataSource[], first: number) =>
    (await Promise.all(sources.map((source, i) => readSource(source, first + i)))).flat();
  const unique = (
    problems: Problem[],
  ) => [...new Map(problems.map((problem) => [normaliseQuestion(problem.question), problem])).values()];
  const test = unique(await read(config.test, heldOutSeed)),
    everything = await read(config.train, config.seed * 100);
  const held = new Set(test.map(({ question }) => normaliseQuestion(question)));
  const train = new Random(config.seed).shuffle(
    unique(everything).filter(({ question }) => !held.has(normaliseQuestion(question))),
  );
  if (train.length === 0 || test.length === 0) {
    throw new DataError(
      `loading data: ${
        train.length === 0 ? "train" : "test"
      } is empty once repeated problems are out; give more sources or a larger count`,
    );
  }
  return face({ train, test }, everything.length - train.length);
}

function face(data: Dataset, left: number): Dataset {
  const table = () => {
    const names = Object.entries({ train: data.train, test: data.test });
    const count = (problems: Problem[], difficulty: string) =>
      String(problems.filter((problem) => problem.difficulty === difficulty).length);
    const [example] = data.train;
    return {
      title: "Problems",
      columns: ["", "problems", ...difficulties, "domains"],
      rows: names.map((
        [name, problems],
      ) => [
        name,
        String(problems.length),
        ...difficulties.map((difficulty) => count(problems, difficulty)),
        [...new Set(problems.map(({ domain }) => domain))].join(", "),
      ]),
      notes: [
        `${left} training problem${left === 1 ? "" : "s"} left out: repeated, or also in test.`,
        `For example (${example.difficulty}): ${example.question} → ${example.answer}`,
      ],
    };
  };
  return displayable(data, { text: () => textTable(table()), html: () => htmlTable(table()) });
}
