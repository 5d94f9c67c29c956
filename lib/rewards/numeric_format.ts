import { cleanAnswer } from "../answers/answers_clean.ts";
import { explained, type ExplainedReward } from "./explained.ts";
import { parseNumber } from "../answers/parse_number.ts";
import type { RewardSample } from "./reward.ts";
import { sampleParts } from "./sample_parts.ts";

/** A number and nothing else: a sign, digits of any script, separators, decimals or a fraction bar. */
const bare = /^[+\-−]?\p{Nd}[\p{Nd},]*(?:\.\p{Nd}+)?(?:\/[1-9]\p{Nd}*)?$/u;

/** An answer beyond this is no number that anyone wrote. */
const longest = 200;

const isNumber = (text: string) => text.length <= longest && parseNumber(cleanAnswer(text)) !== null;

function form(sample: RewardSample): { score: number; why: string } {
  const span = sampleParts(sample).answerSpan, { completion } = sample;
  const text = span ? completion.slice(span.start, span.end).trim() : "";
  if (!isNumber(text)) return { score: 0, why: "no number" };
  return bare.test(text)
    ? { score: 1, why: "a number and nothing else" }
    : { score: 0.5, why: "a number with something around it" };
}

/**
 * Whether the first `<answer>` is a number, right or wrong (R1's proper numeric format; the reward functions of
 * gemma3-4b-thinking score format and correctness apart, so that the form can be learnt before the sums are).
 *
 * 1 a number and nothing else (`18`, `-3`, `1,234.5`, `3/4`, `১৮`), .5 a number in any other spelling that `parseNumber` reads
 * (`$18`, `18 apples`, `50%`, `eighteen`), 0 anything else. `null` when the reference is no number.
 *
 * @example
 * ```ts
 * import { numericFormat } from "./numeric_format.ts";
 * numericFormat()({ completion: "<answer>18 apples</answer>", problem: { answer: "20" } } as never); // 0.5
 * ```
 */
export function numericFormat(): ExplainedReward {
  const judged = ({ problem }: RewardSample) => isNumber(problem.answer.trim());
  return explained(
    (sample) => judged(sample) ? form(sample).score : null,
    (sample) => {
      const span = sampleParts(sample).answerSpan;
      if (!span || span.start === span.end || !judged(sample)) return [];
      return [{ start: span.start, end: span.end, why: form(sample).why }];
    },
  );
}
