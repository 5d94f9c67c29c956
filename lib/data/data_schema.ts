import { z } from "zod";
import { distractorKinds as everyKind } from "./distractor_sentences.ts";
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
    "Default: one that differs between sources, from the section's seed.",
  ),
});

const problemsSource = z.strictObject({
  source: z.literal("problems").describe("Problems in showwork's own JSONL, such as `data/problems`."),
  path: z.string().min(1).describe("A .jsonl file or a folder of them, relative to the configuration file."),
  domains: z.array(z.string()).optional().describe("Only these domains. Default: all."),
  badLines,
  limit,
  distractors,
  distractorKinds,
});

const benchmarkSource = (name: (typeof benchmarks)[number]) =>
  z.strictObject({
    source: z.literal(name).describe(`The ${name} set.`),
    path: z.string().min(1).describe("The set's file, relative to the configuration file."),
    badLines,
    limit,
    distractors,
    distractorKinds,
  });

const field = z.string().min(1).optional();

/** Which fields hold what; those left out are guessed. */
export const fieldsSchema = z.strictObject({
  question: field,
  answer: field,
  reasoning: field,
  difficulty: field,
  domain: field,
  id: field,
  completion: field.describe(
    "What SFT teaches word for word, instead of reasoning and answer in the run's format.",
  ),
  messages: field.describe("A chat, of which SFT learns the assistant's turns."),
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
});

const hubSource = z.strictObject({
  source: z.literal("hub").describe(
    "A data set of the Hugging Face hub, through the cache that Python uses too.",
  ),
  path: z.string().min(1).describe("Its id, such as openai/gsm8k."),
  config: z.string().min(1).optional().describe(
    "Its configuration, such as main or a language. Default: the only one.",
  ),
  split: z.string().min(1).default("train").describe("Default train."),
  revision: z.string().min(1).optional().describe("Branch, tag or commit. Default main."),
  fields: fieldsSchema,
  domain,
  badLines,
  limit,
  distractors,
  distractorKinds,
});

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
});

const source = z.union([knownSource, ownSource]);

/** Options of `loadDataset`. */
export const dataSchema = z.strictObject({
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
});

export type DataOptions = z.output<typeof dataSchema>;
export type DataSource = z.output<typeof source>;
export type KnownSource = z.output<typeof knownSource>;
