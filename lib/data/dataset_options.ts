// Generated from the schema by `deno task options`: change it there.
import type { OwnSource } from "./source_registry.ts";

/** Options of `loadDataset`. */
export interface DatasetOptions {
  /** Seed of the generator, of distractors and of order. @default the run's */
  seed?: number;
  /** Where training problems come from; sources are joined. */
  train: (GeneratorSource | ProblemsSource | BenchmarkSource | FileSource | HubSource | OwnSource)[];
  /**
   * Where test problems come from; what is also in train is taken out of train.
   * @default split off train
   */
  test?: (GeneratorSource | ProblemsSource | BenchmarkSource | FileSource | HubSource | OwnSource)[];
  /** Share of train that becomes the test set where none is given. @default 0.1 */
  split?: number;
}

/** Seeded word problems. */
export interface GeneratorSource {
  /** Seeded word problems, made up on the spot. */
  source: "generator";
  /** How many. */
  count: number;
  /** Relative shares of the difficulties. @default equal */
  difficulty?: Partial<Record<"easy" | "medium" | "hard", number>>;
  /** Share of problems that get a true but irrelevant sentence. @default 0 */
  distractors?: number;
  /**
   * Which kinds of sentence they get.
   * @default all; of the generator: plain ones of its own, as pre-training had
   */
  distractorKinds?: ("surroundings" | "person" | "other person" | "thing" | "other time")[];
  /** Seed of the problems. @default one that differs between sources, from the section's seed */
  seed?: number;
}

/** Problems in showwork's own JSONL. */
export interface ProblemsSource {
  /** Problems in showwork's own JSONL, such as `data/problems`. */
  source: "problems";
  /** A .jsonl file or a folder of them, relative to the configuration file. */
  path: string;
  /** Only these domains. @default all */
  domains?: string[];
  /**
   * Lines that hold no problem: refuse the file and name them, or leave them out and count them.
   * @default refuse
   */
  badLines?: "refuse" | "leave out";
  /** Take only the first problems of the set. @default all */
  limit?: number | null;
  /** Share of problems that get a true but irrelevant sentence. @default 0 */
  distractors?: number;
  /**
   * Which kinds of sentence they get.
   * @default all; of the generator: plain ones of its own, as pre-training had
   */
  distractorKinds?: ("surroundings" | "person" | "other person" | "thing" | "other time")[];
}

/** A benchmark whose file's form is known. */
export interface BenchmarkSource {
  /** Which one. */
  source: "gsm8k" | "math500" | "mgsm" | "svamp" | "msvamp";
  /** The set's file, relative to the configuration file. */
  path: string;
  /**
   * Lines that hold no problem: refuse the file and name them, or leave them out and count them.
   * @default refuse
   */
  badLines?: "refuse" | "leave out";
  /** Take only the first problems of the set. @default all */
  limit?: number | null;
  /** Share of problems that get a true but irrelevant sentence. @default 0 */
  distractors?: number;
  /**
   * Which kinds of sentence they get.
   * @default all; of the generator: plain ones of its own, as pre-training had
   */
  distractorKinds?: ("surroundings" | "person" | "other person" | "thing" | "other time")[];
}

/** Any file of records. */
export interface FileSource {
  /** Any file of records: JSONL, a JSON array, CSV or TSV with a header, parquet; packed by gzip or not. */
  source: "file" | "jsonl";
  /** The file, relative to the configuration file. */
  path: string;
  /** Which of its fields holds what. @default guessed from the usual names */
  fields?: FieldMapping;
  /** Domain where no field says. @default maths */
  domain?: string;
  /**
   * Lines that hold no problem: refuse the file and name them, or leave them out and count them.
   * @default refuse
   */
  badLines?: "refuse" | "leave out";
  /** Take only the first problems of the set. @default all */
  limit?: number | null;
  /** Share of problems that get a true but irrelevant sentence. @default 0 */
  distractors?: number;
  /**
   * Which kinds of sentence they get.
   * @default all; of the generator: plain ones of its own, as pre-training had
   */
  distractorKinds?: ("surroundings" | "person" | "other person" | "thing" | "other time")[];
}

/** A data set of the Hugging Face hub. */
export interface HubSource {
  /** A data set of the Hugging Face hub, through the cache that Python uses too. */
  source: "hub";
  /** Its id, such as openai/gsm8k. */
  path: string;
  /** Its configuration, such as main or a language. @default the only one */
  config?: string;
  /** Its part, such as train or test. @default train */
  split?: string;
  /** Branch, tag or commit. @default main */
  revision?: string;
  /** Which of its fields holds what. @default guessed from the usual names */
  fields?: FieldMapping;
  /** Domain where no field says. @default maths */
  domain?: string;
  /**
   * Lines that hold no problem: refuse the file and name them, or leave them out and count them.
   * @default refuse
   */
  badLines?: "refuse" | "leave out";
  /** Take only the first problems of the set. @default all */
  limit?: number | null;
  /** Share of problems that get a true but irrelevant sentence. @default 0 */
  distractors?: number;
  /**
   * Which kinds of sentence they get.
   * @default all; of the generator: plain ones of its own, as pre-training had
   */
  distractorKinds?: ("surroundings" | "person" | "other person" | "thing" | "other time")[];
}

/** Which fields of a record hold what; names that are left out are guessed. */
export interface FieldMapping {
  /** The question. */
  question?: string;
  /** The answer, or a solution that ends in it. */
  answer?: string;
  /** The steps to it. */
  reasoning?: string;
  /** easy, medium or hard, or a level. */
  difficulty?: string;
  /** What it is about. */
  domain?: string;
  /** What names the problem. */
  id?: string;
  /** What SFT teaches word for word, instead of reasoning and answer in the run's format. */
  completion?: string;
  /** A chat, of which SFT learns the assistant's turns. */
  messages?: string;
}
