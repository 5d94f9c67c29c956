import { z } from "zod";
import { parseOptions } from "../options/parse_options.ts";
import { isCorrect } from "./correctness.ts";
import type { RewardFunction } from "./reward.ts";
import { whenKnown } from "./when_known.ts";

/** Rules of {@linkcode CosineLengthOptions}. */
export const cosineLengthSchema = z.strictObject({
  max: z.int().min(1).default(128).describe(
    "Tokens at which the curve ends: the run's maxTokens. Default 128.",
  ),
  correctShort: z.number().default(1).describe("Score of a right answer without length. Default 1."),
  correctLong: z.number().default(0.5).describe("Score of a right answer of max tokens. Default 0.5."),
  wrongShort: z.number().default(-1).describe("Score of a wrong answer without length. Default -1."),
  wrongLong: z.number().default(-0.5).describe("Score of a wrong answer of max tokens. Default -0.5."),
});

/** Options of {@linkcode cosineLength}. */
export interface CosineLengthOptions {
  /** Tokens at which the curve ends: the run's `maxTokens`. @default 128 */
  max?: number;
  /** Score of a right answer without length. TRL: max_value_correct. @default 1 */
  correctShort?: number;
  /** Score of a right answer of `max` tokens. TRL: min_value_correct. @default 0.5 */
  correctLong?: number;
  /** Score of a wrong answer without length. TRL: min_value_wrong. @default -1 */
  wrongShort?: number;
  /** Score of a wrong answer of `max` tokens. TRL: max_value_wrong. @default -0.5 */
  wrongLong?: number;
}

/**
 * Correctness scaled by length (Yeo et al. 2025, "Demystifying Long Chain-of-Thought Reasoning", section 4; TRL's
 * `get_cosine_scaled_reward`): long + (short − long)·(1 + cos(π·n/max))/2 with n = min(tokens, max), so that right answers earn more
 * when short and wrong ones less. `null` where the tokens or the reference are not known.
 *
 * @example
 * ```ts
 * import { cosineLength } from "./cosine_length.ts";
 * const tokens = new Array(64).fill("a");
 * cosineLength({ max: 128 })({ completion: "<answer>8</answer>", problem: { answer: "8" }, tokens } as never); // 0.75
 * ```
 */
export function cosineLength(options: CosineLengthOptions = {}): RewardFunction {
  const { max, ...scores } = parseOptions(cosineLengthSchema, options, "cosineLength()");
  return (sample) => {
    const { tokens } = sample;
    if (!tokens) return null;
    const falling = (1 + Math.cos(Math.PI * Math.min(1, tokens.length / max))) / 2;
    return whenKnown(isCorrect(sample), (correct) => {
      if (correct === null) return null;
      const [short, long] = correct
        ? [scores.correctShort, scores.correctLong]
        : [scores.wrongShort, scores.wrongLong];
      return long + (short - long) * falling;
    });
  };
}
