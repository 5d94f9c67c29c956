import { z } from "zod";
import { parseOptions } from "../options/parse_options.ts";
import { explained, type ExplainedReward } from "./explained.ts";
import type { RewardSample } from "./reward.ts";
import { sampleParts } from "./sample_parts.ts";
import { wordTrigrams } from "./word_trigrams.ts";

const words = z.int().min(1);

/** Rules of {@linkcode LengthBonusOptions}. */
export const lengthBonusSchema = z.strictObject({
  min: words.default(15).describe("Fewest words of reasoning that earn all of it. Default 15."),
  max: words.default(150).describe("Most words that do; nothing is left at twice as many. Default 150."),
}).refine(({ min, max }) => min <= max, { path: ["max"], message: "must not be below `min`" });

/** Options of {@linkcode lengthBonus}. */
export interface LengthBonusOptions {
  /** Fewest words of reasoning that earn all of it. @default 15 */
  min?: number;
  /** Most words that do. @default 150 */
  max?: number;
}

/**
 * A bonus for reasoning of a reasonable length, 0 to 1: give it a small weight (SPEC section 2; R4).
 *
 * n/min below `min` words, 1 from `min` to `max`, then falling to 0 at 2·max: max(0, 1 − (n − max)/max). n counts the words and
 * numbers of the reasoning without those that end a run of three that was there before: padding by repetition earns nothing.
 * (R4 names the bonus but no formula; this one is ours, `max` from its 256 reasoning tokens.)
 *
 * @throws {ConfigError} unless 1 ≤ min ≤ max
 * @example
 * ```ts
 * import { lengthBonus } from "./length_bonus.ts";
 * const completion = "<reasoning>She has 5 + 3 = 8 eggs.</reasoning><answer>8</answer>";
 * lengthBonus({ min: 12 })({ completion } as never); // 0.5: six words and numbers of twelve
 * ```
 */
export function lengthBonus(options: LengthBonusOptions = {}): ExplainedReward {
  const { min, max } = parseOptions(lengthBonusSchema, options, "lengthBonus()");
  const length = (sample: RewardSample) => {
    const span = sampleParts(sample).reasoningSpan;
    if (!span) return 0;
    const { words, trigrams } = wordTrigrams(sample.completion.slice(span.start, span.end));
    return words - trigrams.filter(({ repeated }) => repeated).length;
  };
  return explained(
    (sample) => {
      const n = length(sample);
      return n <= max ? Math.min(1, n / min) : Math.max(0, 1 - (n - max) / max);
    },
    (sample) => {
      const span = sampleParts(sample).reasoningSpan, n = length(sample);
      if (!span || n === 0) return [];
      const verdict = n < min ? `fewer than ${min}` : n > max ? `more than ${max}` : `${min} to ${max}`;
      return [{ start: span.start, end: span.end, why: `${n} words that are new, ${verdict}` }];
    },
  );
}
