import { z } from "zod";
import { parseOptions } from "../options/parse_options.ts";
import { tokensInside } from "../formats/tokens_inside.ts";
import { isCorrect, isCorrectAlready } from "./correctness.ts";
import { explained, type ExplainedReward } from "./explained.ts";
import type { RewardSample } from "./reward.ts";
import { sampleParts } from "./sample_parts.ts";
import { whenKnown } from "./when_known.ts";

/** Rules of {@linkcode ConfidenceOptions}. */
export const confidenceSchema = z.strictObject({
  from: z.enum(["logprobs", "length"]).default("logprobs").describe(
    "The model's own probabilities, or R3's length proxy. Default logprobs.",
  ),
});

/** Options of {@linkcode confidence}. */
export interface ConfidenceOptions {
  /** The model's own probabilities, or the reasoning's length as R3's released code has it. @default "logprobs" */
  from?: "logprobs" | "length";
}

/**
 * Calibrated confidence (SPEC section 2; R3): sure when right, unsure when wrong.
 *
 * `logprobs`: p̄ = mean log-probability of the answer's tokens in nats, q = clamp((p̄ + 10)/9.9, 0, 1);
 * q if correct, 1 − q if wrong, .5 when correctness is unknown, 0 without an answer.
 * `length`: correct → min(1, .5 + |R|/300), else max(0, .6 − |R|/400), |R| the reasoning in characters.
 *
 * `null` when log-probabilities are wanted and the sample carries none.
 *
 * @throws {ConfigError} for another source
 * @example
 * ```ts
 * import { confidence } from "../../mod.ts";
 * confidence({ from: "length" })({ completion: "<answer>8</answer>", problem: { answer: "8" } } as never); // 0.5
 * ```
 */
export function confidence(options: ConfidenceOptions = {}): ExplainedReward {
  const { from } = parseOptions(confidenceSchema, options, "confidence()");
  return explained(
    (sample) =>
      whenKnown(isCorrect(sample), (correct) => {
        if (correct === null) return 0.5;
        return from === "length" ? byLength(sample, correct) : byProbability(sample, correct);
      }),
    (sample) => {
      const correct = isCorrectAlready(sample), verdict = correct ? "right" : "wrong";
      const { reasoningSpan, answerSpan } = sampleParts(sample),
        span = from === "length" ? reasoningSpan : answerSpan;
      if (!span || span.start === span.end || correct === null) return [];
      const why = from === "length"
        ? `its length, ${verdict} answer`
        : `the probability of these tokens, ${verdict} answer`;
      return [{ start: span.start, end: span.end, why }];
    },
  );
}

function byLength(sample: RewardSample, correct: boolean): number {
  const length = sampleParts(sample).reasoning?.length ?? 0;
  return correct ? Math.min(1, 0.5 + length / 300) : Math.max(0, 0.6 - length / 400);
}

function byProbability(sample: RewardSample, correct: boolean): number | null {
  const { answer, answerSpan } = sampleParts(sample), { tokens, tokenLogprobs } = sample;
  if (!answer) return 0;
  if (!tokens || !tokenLogprobs) return null;
  if (tokens.length !== tokenLogprobs.length) {
    throw new RangeError(
      `confidence needs one log-probability a token, got ${tokenLogprobs.length} for ${tokens.length} tokens`,
    );
  }
  const inside = tokensInside(tokens, answerSpan);
  if (inside.length === 0) return 0;
  const mean = inside.reduce((sum, index) => sum + tokenLogprobs[index], 0) / inside.length;
  const q = Math.min(1, Math.max(0, (mean + 10) / 9.9));
  return correct ? q : 1 - q;
}
