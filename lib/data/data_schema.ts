import { z } from "zod";
import { distractorKinds as everyKind } from "./distractor_sentences.ts";
import type { OptionsSchema } from "../options/options_schema.ts";
import { typeNames } from "../options/type_names.ts";
import type { DatasetOptions, FieldMapping } from "./dataset_options.ts";
import { benchmarks } from "./sources.ts";
import { type OwnSource, sourceReader } from "./source_registry.ts";

const difficulty = z.enum(["easy", "medium", "hard"]);
const limit = z.int().min(1).nullable().default(null).describe(
  "Take only the first problems of the set. Default: all.",
);
const distractors = z.number().min(0).max(1).default(0).describe(
  "Share of problems that get a true but irrelevant sentence. Default 0.",
);
const distractorKinds = z.array(z.enum(everyKind)).min(1).optional().describe(
  "Which kinds of sentence they get. Default: all; of the generator: plain ones of its own, as pre-training had.",
);

const badLines = z.enum(["refuse", "leave out"]).default("refuse").describe(
  "Lines that hold no problem: refuse the file and name them, or leave them out and count them. Default refuse.",
);

const generatorSource = z.strictObject({
  source: z.literal("generator").describe("Seeded word problems, made up on the spot."),
  count: z.int().min(1).describe("How many."),
  difficulty: z.partialRecord(difficulty, z.number().min(0)).default({ easy: 1, medium: 1, hard: 1 })
    .describe(
      "Relative shares of the difficulties. Default: equal.",
    ),
  distractors,
  distractorKinds,
  seed: z.int().min(0).optional().describe(
    "Seed of the problems. Default: one that differs between sources, from the section's seed.",
  ),
}).register(typeNames, { type: "GeneratorSource", doc: "Seeded word problems." });

const problemsSource = z.strictObject({
  source: z.literal("problems").describe("Problems in showwork's own JSONL, such as `data/problems`."),
  path: z.string().min(1).describe("A .jsonl file or a folder of them, relative to the configuration file."),
  domains: z.array(z.string()).optional().describe("Only these domains. Default: all."),
  badLines,
  limit,
  distractors,
  distractorKinds,
}).register(typeNames, { type: "ProblemsSource", doc: "Problems in showwork's own JSONL." });

const benchmarkSource = (name: (typeof benchmarks)[number]) =>
  z.strictObject({
    source: z.literal(name).describe(`The ${name} set.`),
    path: z.string().min(1).describe("The set's file, relative to the configuration file."),
    badLines,
    limit,
    distractors,
    distractorKinds,
  }).register(typeNames, { type: "BenchmarkSource", doc: "A benchmark whose file's form is known." });

const field = (description: string) => z.string().min(1).optional().describe(description);

/** Which fields hold what; those left out are guessed. */
export const fieldsSchema: OptionsSchema<FieldMapping, FieldMapping | undefined> = z.strictObject({
  question: field("The question."),
  answer: field("The answer, or a solution that ends in it."),
  reasoning: field("The steps to it."),
  difficulty: field("easy, medium or hard, or a level."),
  domain: field("What it is about."),
  id: field("What names the problem."),
  completion: field(
    "What SFT teaches word for word, instead of reasoning and answer in the run's format.",
  ),
  messages: field("A chat, of which SFT learns the assistant's turns."),
}).register(typeNames, {
  type: "FieldMapping",
  doc: "Which fields of a record hold what; names that are left out are guessed.",
}).default({}).describe("Which of its fields holds what. Default: guessed from the usual names.");

const domain = z.string().default("maths").describe("Domain where no field says. Default maths.");

const fileSource = z.strictObject({
  source: z.enum(["file", "jsonl"]).describe(
    "Any file of records: JSONL, a JSON array, CSV or TSV with a header, parquet; packed by gzip or not.",
  ),
  path: z.string().min(1).describe("The file, relative to the configuration file."),
  fields: fieldsSchema,
  domain,
  badLines,
  limit,
  distractors,
  distractorKinds,
}).register(typeNames, { type: "FileSource", doc: "Any file of records." });

const hubSource = z.strictObject({
  source: z.literal("hub").describe(
    "A data set of the Hugging Face hub, through the cache that Python uses too.",
  ),
  path: z.string().min(1).describe("Its id, such as openai/gsm8k."),
  config: z.string().min(1).optional().describe(
    "Its configuration, such as main or a language. Default: the only one.",
  ),
  split: z.string().min(1).default("train").describe("Its part, such as train or test. Default train."),
  revision: z.string().min(1).optional().describe("Branch, tag or commit. Default main."),
  fields: fieldsSchema,
  domain,
  badLines,
  limit,
  distractors,
  distractorKinds,
}).register(typeNames, { type: "HubSource", doc: "A data set of the Hugging Face hub." });

const knownSource = z.discriminatedUnion("source", [
  generatorSource,
  problemsSource,
  ...benchmarks.map(benchmarkSource) as [ReturnType<typeof benchmarkSource>],
  fileSource,
  hubSource,
]);

const ownSource = z.custom<OwnSource>(
  (value) =>
    typeof value === "object" && value !== null && sourceReader((value as OwnSource).source) !== undefined,
  { error: "is no source that registerSource has made known" },
).meta({
  description: "A source of your own, which registerSource has made known.",
  type: "object",
  required: ["source"],
  properties: { source: { not: { enum: ["generator", "problems", "file", "jsonl", "hub", ...benchmarks] } } },
}).register(typeNames, { type: "OwnSource", from: { OwnSource: "lib/data/source_registry.ts" } });

const source = z.union([knownSource, ownSource]);

/**
 * A source that is built in, complete.
 *
 * @internal
 */
export type KnownSource = z.output<typeof knownSource>;
/**
 * A source, complete.
 *
 * @internal
 */
export type DataSource = z.output<typeof source>;
/** Options of `loadDataset`, complete. */
export type DataOptions = Omit<DatasetOptions, "train" | "test"> & {
  seed: number;
  train: DataSource[];
  test?: DataSource[];
};

/** The schema of `loadDataset`'s options. */
export const dataSchema: OptionsSchema<DataOptions, DatasetOptions> = z.strictObject({
  seed: z.int().min(0).default(1).describe(
    "Seed of the generator, of distractors and of order. Default: the run's.",
  ),
  train: z.array(source).min(1).describe("Where training problems come from; sources are joined."),
  test: z.array(source).min(1).optional().describe(
    "Where test problems come from; what is also in train is taken out of train. Default: split off train.",
  ),
  split: z.number().gt(0).lt(1).optional().describe(
    "Share of train that becomes the test set where none is given. Default 0.1.",
  ),
}).refine(({ test, split }) => test === undefined || split === undefined, {
  path: ["split"],
  message: "splits a test set off train, but `test` is given too; leave one out",
}).register(typeNames, { type: "DatasetOptions", from: { DatasetOptions: "lib/data/dataset_options.ts" } });
