import type { z } from "zod";
import { parseOptions } from "../options/parse_options.ts";
import { pcg } from "../random/counter_random.ts";
import type { SampledDecoder } from "./sampled_decoder.ts";
import { samplingSchema } from "./sampling_schema.ts";

/** How completions are drawn. */
export interface SamplingOptions {
  /** At most this many tokens a completion. @default 128 */
  maxTokens?: number;
  /** 0 takes the most likely token. @default 1 */
  temperature?: number;
  /** Only so many of the likeliest tokens are drawn from. @default 0 (all) */
  topK?: number;
  /** Only the likeliest tokens that make up this probability are drawn from. @default 1 (all) */
  topP?: number;
  /** Only tokens with at least this share of the likeliest one's probability are drawn from. @default 0 (all) */
  minP?: number;
  /** Completions a prompt. @default 1 */
  n?: number;
  /** Names the random sequence: the same seed gives the same tokens. @default 0 */
  seed?: number;
  /**
   * One a prompt: names its random sequences whatever is sampled beside it, in place of `seed` and the prompt's place.
   * @default none
   */
  seeds?: readonly number[];
  /** Token ids that end a completion. @default the model's own */
  eosIds?: readonly number[];
  /** Called every few tokens with the number sampled so far. */
  onProgress?: (tokens: number) => void;
  /** Called, once at most, with what a person should know of it: that memory held fewer completions at once. */
  onNote?: (text: string) => void;
  /** Sampling ends early when this aborts: completions are returned as they are. */
  signal?: AbortSignal;
  /** Tokens between looks: at `signal`, for `onTokens` and for `onProgress`. @default 16 */
  lookEvery?: number;
  /**
   * Called at each look for every completion that has grown, with all its tokens, their log-probabilities and its place (prompt
   * by prompt). `true` ends it though no end token came: a stop string.
   */
  onTokens?: (tokens: number[], logprobs: number[], row: number) => boolean | void;
}

/** One sampled completion. */
export interface SampledTokens {
  /** Index of its prompt. */
  prompt: number;
  /** The end token is the last one, when there is one. */
  tokens: number[];
  /** log p of each token in the whole distribution at the sampling temperature (1 when greedy), in nats. */
  logprobs: number[];
  /** Whether it ended by itself, not at the limit. */
  ended: boolean;
}

/** The options with their defaults, checked against the model and the prompts. @throws {ConfigError | RangeError} naming the rule */
export function checkedSampling(
  config: SampledDecoder["config"],
  prompts: readonly (readonly number[])[],
  options: SamplingOptions,
) {
  const { eosIds = config.eosIds, maxTokens, ...checked } = parseOptions(
    samplingSchema,
    options as z.input<typeof samplingSchema>,
    "sampling",
  );
  const { temperature, topK, topP, minP, n, seed, seeds, lookEvery } = checked;
  const fault = (rule: string, value: unknown) => new RangeError(`sampling needs ${rule}, got ${value}`);
  if (seeds && seeds.length !== prompts.length) {
    throw fault("one of `seeds` a prompt", `${seeds.length} for ${prompts.length} prompts`);
  }
  for (const prompt of prompts) {
    if (prompt.length === 0) throw fault("prompts of at least one token", "an empty one");
    if (prompt.length + maxTokens > config.maxPositions) {
      throw fault(
        `prompt and completion within the model's ${config.maxPositions} positions`,
        `${prompt.length} + ${maxTokens}; lower maxTokens or shorten the prompt`,
      );
    }
    const bad = prompt.find((id) => !(Number.isInteger(id) && id >= 0 && id < config.vocabSize));
    if (bad !== undefined) throw fault(`token ids below the vocabulary's size ${config.vocabSize}`, bad);
  }
  return { maxTokens, temperature, topK, topP, minP, n, seed, seeds, eosIds, lookEvery };
}

/** What {@linkcode checkedSampling} gives. */
export type SamplingSettings = ReturnType<typeof checkedSampling>;

const hashed = (seed: number, place: number) => pcg((pcg(seed >>> 0) ^ place) >>> 0);

/** The seed of one completion of a batch, its rows counted prompt by prompt. */
export function rowSeed(
  { seed, seeds, n }: { seed: number; seeds?: readonly number[]; n: number },
  row: number,
): number {
  return seeds ? hashed(seeds[Math.floor(row / n)], row % n) : hashed(seed, row);
}
