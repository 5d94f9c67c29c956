import { explained, type ExplainedReward } from "./explained.ts";
import type { RewardSample } from "./reward.ts";
import { sampleParts } from "./sample_parts.ts";
import { isPromise, whenKnown } from "./when_known.ts";

/**
 * Whether a sample's answer is right by its format's check; `null` when there is no reference to match, or the check can't say. A promise where the
 * format's own check gives one.
 */
export function isCorrect(sample: RewardSample): boolean | null | Promise<boolean | null> {
  if (sample.problem.answer.trim() === "") return null;
  const { answer, format } = sampleParts(sample);
  return answer === null ? false : format.check(answer, sample.problem);
}

/** What can be said of correctness at once, for the words behind a score; `null` also while a check is still under way. */
export function isCorrectAlready(sample: RewardSample): boolean | null {
  const correct = isCorrect(sample);
  if (!isPromise(correct)) return correct;
  correct.then(undefined, () => {}); // the score's own call reports the failure
  return null;
}

/**
 * Whether the answer says the same as the reference, by the format's check: for tags the first `<answer>`, by `answersMatch` (SPEC section 2; R1, R3, R5).
 *
 * `1` if it does, else `0`; no answer, or an empty one, is `0`. `null` when the problem has no reference.
 *
 * @example
 * ```ts
 * import { correctness } from "../../mod.ts";
 * const score = correctness()({ completion: "<answer>8.0</answer>", problem: { answer: "8" } } as never); // 1
 * ```
 */
export function correctness(): ExplainedReward {
  return explained(
    (sample) => whenKnown(isCorrect(sample), (correct) => correct === null ? null : Number(correct)),
    (sample) => {
      const span = sampleParts(sample).answerSpan, correct = isCorrectAlready(sample);
      if (!span || span.start === span.end || correct === null) return [];
      const why = correct ? "matches" : "does not match";
      return [{ start: span.start, end: span.end, why: `${why} the reference ${sample.problem.answer}` }];
    },
  );
}
