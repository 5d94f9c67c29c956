import { z } from "zod";
import { parseOptions } from "../options/parse_options.ts";
import { type DataOptions, dataSchema, type DataSource, fieldsSchema } from "./data_schema.ts";
import { displayable } from "../display/displayable.ts";
import { printable } from "../display/printable.ts";
import { htmlTable, textTable } from "../display/table.ts";
import type { DatasetOptions, FieldMapping } from "./dataset_options.ts";
import { DataError } from "./data_error.ts";
import { heldOutSeed } from "./held_out.ts";
import { type NearDuplicate, nearDuplicates } from "./near_duplicates.ts";
import { normaliseQuestion } from "./normalise_question.ts";
import { type Dataset, difficulties, type Problem } from "./problem.ts";
import { Random } from "../random/random.ts";
import type { BadLine } from "./read_rows.ts";
import { problemsOf, readSource } from "./read_source.ts";
import { uniqueIds } from "./unique_ids.ts";

const ownSchema = z.strictObject({
  split: z.number().gt(0).lt(1).default(0.1),
  seed: z.int().min(0).default(1),
  fields: fieldsSchema.prefault({}),
  domain: z.string().min(1).default("maths"),
});

/** Options of {@linkcode loadDataset} for one's own file or records. */
export interface OwnDataOptions {
  /** Share that becomes the test set. @default 0.1 */
  split?: number;
  /** Seed of the split and of the order. @default 1 */
  seed?: number;
  /** Which fields hold what. @default guessed from the usual names */
  fields?: FieldMapping;
  /** Domain where no field says. @default "maths" */
  domain?: string;
}

/** What was left out of a data set, and why. */
interface LeftOut {
  repeated: number;
  near: NearDuplicate[];
  bad: BadLine[];
}

/** A source with what marks its problems as made up: those are alike by design. */
interface ReadProblem {
  problem: Problem;
  generated: boolean;
}

async function readAll(sources: DataSource[], first: number, bad: BadLine[]): Promise<ReadProblem[]> {
  const read = await Promise.all(sources.map((source, i) => readSource(source, first + i)));
  return read.flatMap(({ problems, bad: own }, i) => {
    bad.push(...own);
    return problems.map((problem) => ({ problem, generated: sources[i].source === "generator" }));
  });
}

const unique = (all: ReadProblem[]) => [
  ...new Map(all.map((item) => [normaliseQuestion(item.problem.question), item])).values(),
];

/**
 * Loads training and test problems from their sources, or from one's own file or records, of which a share is split off as the test set.
 *
 * Checks that no test problem is in train: what stands in both is taken out of train, also in slightly other words where it comes from a file; the
 * note says how many. Ids are unique in the whole data set. The training set is shuffled by the seed.
 *
 * @param given Sources by name, the path of a file (JSONL, JSON, CSV, TSV, parquet), or records such as `{ question, answer }`.
 * @throws {DataError} naming file, line and rule, or when a set is empty
 * @throws {ConfigError} for an unknown or wrong option
 * @example
 * ```ts
 * import { loadDataset } from "../../mod.ts";
 * const data = await loadDataset({ train: [{ source: "generator", count: 400 }], test: [{ source: "generator", count: 100 }] });
 * const own = await loadDataset([{ question: "What is 2 + 3?", answer: 5 }, { question: "What is 4 + 4?", answer: 8 }], { split: 0.5 });
 * ```
 */
export async function loadDataset(
  given: DatasetOptions | string | readonly unknown[],
  options: OwnDataOptions = {},
): Promise<Dataset> {
  const bad: BadLine[] = [];
  if (typeof given === "string" || Array.isArray(given)) {
    const { split, seed, fields, domain } = parseOptions(ownSchema, options, "loadDataset");
    const records = typeof given === "string"
      ? await readAll(
        parseOptions(dataSchema, { train: [{ source: "file", path: given, fields, domain }] }, "data").train,
        seed,
        bad,
      )
      : problemsOf(given, { name: "records", fields, domain }).map((problem) => ({
        problem,
        generated: false,
      }));
    return divided(records, { seed, split, bad });
  }
  if (Object.keys(options).length > 0) {
    throw new DataError(
      `loading data: ${
        Object.keys(options).join(", ")
      } belongs to a path or a list of records; with sources, write it among them`,
    );
  }
  const config: DataOptions = parseOptions(dataSchema, given as DatasetOptions, "data");
  const test = config.test && await readAll(config.test, heldOutSeed, bad);
  const train = await readAll(config.train, config.seed * 100, bad);
  return test
    ? joined(train, test, { seed: config.seed, bad })
    : divided(train, { seed: config.seed, split: config.split ?? 0.1, bad });
}

/** Splits a test set off, whole problems by their question. */
function divided(
  all: ReadProblem[],
  { seed, split, bad }: { seed: number; split: number; bad: BadLine[] },
): Dataset {
  const distinct = unique(all), count = Math.max(1, Math.round(distinct.length * split));
  const order = new Random(seed).shuffle(distinct), test = order.slice(0, count);
  return joined(order.slice(count), test, { seed, bad, repeated: all.length - distinct.length });
}

function joined(
  everything: ReadProblem[],
  tests: ReadProblem[],
  { seed, bad, repeated = 0 }: { seed: number; bad: BadLine[]; repeated?: number },
): Dataset {
  const test = unique(tests),
    held = new Set(test.map(({ problem }) => normaliseQuestion(problem.question)));
  const apart = unique(everything).filter(({ problem }) => !held.has(normaliseQuestion(problem.question)));
  const written = (items: ReadProblem[]) =>
    items.filter(({ generated }) => !generated).map(({ problem }) => problem);
  const near = [
    ...nearDuplicates(written(apart), test.map(({ problem }) => problem)),
    ...nearDuplicates(
      apart.filter(({ generated }) => generated).map(({ problem }) => problem),
      written(test),
    ),
  ];
  const out = new Set(near.map(({ train }) => train));
  const shuffled = new Random(seed).shuffle(apart.map(({ problem }) => problem));
  const [testSet, train] = uniqueIds([
    test.map(({ problem }) => problem),
    shuffled.filter((problem) => !out.has(problem)),
  ]);
  if (train.length === 0 || testSet.length === 0) {
    throw new DataError(
      `loading data: ${
        train.length === 0 ? "train" : "test"
      } is empty once repeated problems are left out; give more sources or a larger count`,
    );
  }
  return face({ train, test: testSet }, {
    repeated: repeated + everything.length - apart.length,
    near,
    bad,
  });
}

const some = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`;

function face(data: Dataset, { repeated, near, bad }: LeftOut): Dataset {
  const table = () => {
    const names = Object.entries({ train: data.train, test: data.test });
    const count = (problems: Problem[], difficulty: string) =>
      String(problems.filter((problem) => problem.difficulty === difficulty).length);
    const [example] = data.train, shown = (text: string) => printable(text, { limit: 400 });
    return {
      title: "Problems",
      columns: ["", "problems", ...difficulties, "domains"],
      rows: names.map((
        [name, problems],
      ) => [
        name,
        String(problems.length),
        ...difficulties.map((difficulty) => count(problems, difficulty)),
        shown([...new Set(problems.map(({ domain }) => domain))].join(", ")),
      ]),
      notes: [
        `${some(repeated, "training problem")} left out: repeated, or also in test.`,
        ...near.length
          ? [
            `${near.length} more left out, nearly the same as a test problem: “${
              shown(near[0].train.question)
            }” is “${shown(near[0].test.question)}”.`,
          ]
          : [],
        ...bad.length
          ? [
            `${some(bad.length, "line")} left out: ${
              bad.slice(0, 3).map(({ where, reason }) => shown(`${where}: ${reason}`)).join("; ")
            }${bad.length > 3 ? "; …" : ""}`,
          ]
          : [],
        `For example (${example.difficulty}): ${shown(example.question)} → ${shown(example.answer)}`,
      ],
    };
  };
  return displayable(data, { text: () => textTable(table()), html: () => htmlTable(table()) });
}
