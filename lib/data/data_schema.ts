import { z } from "zod";

const difficulty = z.enum(["easy", "medium", "hard"]);
const limit = z.int().min(1).nullable().default(null).describe(
  "Take only the first problems of the set. Default: all.",
);
const distractors = z.number().min(0).max(1).default(0).describe(
  "Share of problems that get a true but irrelevant sentence. Default 0.",
);

const generatorSource = z.strictObject({
  source: z.literal("generator").describe("Seeded word problems, made up on the spot."),
  count: z.int().min(1).describe("How many."),
  difficulty: z.partialRecord(difficulty, z.number().min(0)).default({ easy: 1, medium: 1, hard: 1 })
    .describe(
      "Relative shares of the difficulties. Default: equal.",
    ),
  distractors,
  seed: z.int().min(0).optional().describe(
    "Default: one that differs between sources, from the section's seed.",
  ),
});

const problemsSource = z.strictObject({
  source: z.literal("problems").describe("Problems in showwork's own JSONL, such as `data/problems`."),
  path: z.string().min(1).describe("A .jsonl file or a folder of them, relative to the configuration file."),
  domains: z.array(z.string()).optional().describe("Only these domains. Default: all."),
  limit,
  distractors,
});

const benchmarks = ["gsm8k", "math500", "mgsm", "svamp", "msvamp"] as const;

const benchmarkSource = (name: (typeof benchmarks)[number]) =>
  z.strictObject({
    source: z.literal(name).describe(`The ${name} set.`),
    path: z.string().min(1).describe("The set's file, relative to the configuration file."),
    limit,
    distractors,
  });

const jsonlSource = z.strictObject({
  source: z.literal("jsonl").describe("Any JSONL file."),
  path: z.string().min(1).describe("The file, relative to the configuration file."),
  fields: z.strictObject({
    question: z.string().min(1),
    answer: z.string().min(1),
    reasoning: z.string().min(1).optional(),
    difficulty: z.string().min(1).optional(),
    domain: z.string().min(1).optional(),
    id: z.string().min(1).optional(),
  }).describe("Which of its fields holds what."),
  domain: z.string().default("maths").describe("Domain where no field says. Default maths."),
  limit,
  distractors,
});

const source = z.discriminatedUnion("source", [
  generatorSource,
  problemsSource,
  ...benchmarks.map(benchmarkSource) as [ReturnType<typeof benchmarkSource>],
  jsonlSource,
]);

/** Options of `loadDataset`. */
export const dataSchema = z.strictObject({
  seed: z.int().min(0).default(1).describe(
    "Seed of the generator, of distractors and of order. Default: the run's.",
  ),
  train: z.array(source).min(1).describe("Where training problems come from; sources are joined."),
  test: z.array(source).min(1).describe(
    "Where test problems come from; what is also in train is taken out of train.",
  ),
});

export type DataOptions = z.output<typeof dataSchema>;
export type DataSource = z.output<typeof source>;
