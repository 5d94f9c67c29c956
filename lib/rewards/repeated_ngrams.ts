import { z } from "zod";
import { parseOptions } from "../options/parse_options.ts";
import type { RewardFunction } from "./reward.ts";

/** Rules of {@linkcode RepeatedNgramsOptions}. */
export const repeatedNgramsSchema = z.strictObject({
  size: z.int().min(1).default(3).describe("Words in a run. open-r1: repetition_n_grams. Default 3."),
});

/** Options of {@linkcode repeatedNgrams}. */
export interface RepeatedNgramsOptions {
  /** Words in a run. open-r1: repetition_n_grams. @default 3 */
  size?: number;
}

/**
 * The share of n-grams that were there before, 0 to 1, as open-r1's `get_repetition_penalty_reward` counts them, for a negative weight (its
 * `repetition_max_penalty`): 1 − distinct/all over runs of `size` words, words being what blanks separate, in lower case; 0 with fewer
 * words. `repetition` counts words without their punctuation.
 *
 * @example
 * ```ts
 * import { repeatedNgrams } from "./repeated_ngrams.ts";
 * repeatedNgrams({ size: 2 })({ completion: "so it is so it is" } as never); // 0.4: 2 of 5 were there before
 * ```
 */
export function repeatedNgrams(options: RepeatedNgramsOptions = {}): RewardFunction {
  const { size } = parseOptions(repeatedNgramsSchema, options, "repeatedNgrams()");
  return ({ completion }) => {
    const words = completion.toLowerCase().split(/\s+/).filter((word) => word !== "");
    const count = words.length - size + 1;
    if (count < 1) return 0;
    const runs = Array.from({ length: count }, (_, i) => words.slice(i, i + size).join(" "));
    return 1 - new Set(runs).size / count;
  };
}
