import { parseCompletion } from "../text/completion.ts";
import { answersMatch } from "../answers/answers_match.ts";
import { explained, type ExplainedReward } from "./explained.ts";
import type { RewardSample } from "./reward.ts";
import { tagSpan } from "./tag_span.ts";

/** Whether a sample's first answer matches its reference; `null` when there is no reference to match. */
export function isCorrect(
  { completion, problem }: Pick<RewardSample, "completion" | "problem">,
): boolean | null {
  if (problem.answer.trim() === "") return null;
  const { answer } = parseCompletion(completion);
  return answer !== null && answersMatch(answer, problem.answer);
}

/**
 * Whether the first `<answer>` says the same as the reference, by `answersMatch` (SPEC section 2; R1, R3, R5).
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
    (sample) => {
      const correct = isCorrect(sample);
      return correct === null ? null : Number(correct);
    },
    (sample) => {
      const span = tagSpan(sample.completion, "answer");
      if (!span || span.start === span.end) return [];
      const why = isCorrect(sample) ? "matches" : "does not match";
      return [{ start: span.start, end: span.end, why: `${why} the reference ${sample.problem.answer}` }];
    },
  );
}
