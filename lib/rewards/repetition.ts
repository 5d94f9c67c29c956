import { explained, type ExplainedReward } from "./explained.ts";
import type { RewardSpan } from "./reward.ts";
import { wordTrigrams } from "./word_trigrams.ts";

/**
 * How much of a completion is said again, 0 to 1: give it a negative weight (SPEC section 2; R4's repetition penalty, −0.1).
 *
 * 1 − distinct/all over the runs of three words of the completion, tags included; 0 with fewer than three words (Yeo et al.
 * 2025, "Demystifying Long Chain-of-Thought Reasoning", N-gram repetition penalty; open-r1's
 * `repetition_n_grams: 3`). Words are runs of letters, and numbers; case and punctuation don't count.
 *
 * @example
 * ```ts
 * import { repetition } from "./repetition.ts";
 * repetition()({ completion: "we add them, we add them" } as never); // 0.25: 1 of 4 runs was there before
 * ```
 */
export function repetition(): ExplainedReward {
  return explained(
    ({ completion }) => {
      const { trigrams } = wordTrigrams(completion);
      return trigrams.length === 0 ? 0 : trigrams.filter(({ repeated }) => repeated).length / trigrams.length;
    },
    ({ completion }) => {
      const spans: RewardSpan[] = [];
      for (const { start, end, repeated } of wordTrigrams(completion).trigrams) {
        if (!repeated) continue;
        const last = spans.at(-1);
        if (last && start <= last.end) last.end = end;
        else spans.push({ start, end, why: "said before" });
      }
      return spans;
    },
  );
}
