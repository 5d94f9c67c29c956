import type { RewardFunction, RewardSample, RewardSpan } from "./reward.ts";

/** A reward that can also point at the words behind its score. */
export type ExplainedReward = RewardFunction & {
  (sample: RewardSample): number | null | Promise<number | null>;
  explain(sample: RewardSample): RewardSpan[];
};

/**
 * Gives a reward the words behind its score, which `inspectReward` highlights. Works for rewards of your own too.
 *
 * @example
 * ```ts
 * import { explained } from "./explained.ts";
 * const polite = explained(
 *   ({ completion }) => completion.includes("please") ? 1 : 0,
 *   ({ completion }) => [...completion.matchAll(/please/g)].map(({ index }) => ({ start: index, end: index + 6, why: "polite" })),
 * );
 * ```
 */
export function explained(
  score: (sample: RewardSample) => number | null | Promise<number | null>,
  explain: (sample: RewardSample) => RewardSpan[],
): ExplainedReward {
  return Object.assign((sample: RewardSample) => score(sample), { explain });
}
