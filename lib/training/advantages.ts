import { moments } from "./moments.ts";

/** The baselines and scales. */
export const advantageNames = ["group", "batch", "none", "rloo", "maxrl"] as const;
/** One of the estimators. */
export type AdvantageName = typeof advantageNames[number];

/** How rewards become advantages. */
export interface AdvantageOptions {
  /**
   * The baseline and the scale; r̄ and s are the mean and the sample standard deviation (n − 1) of the prompt's
   * group, s_batch that of all rewards:
   * - `group`: (r − r̄) / (s + 1e-4): GRPO (Shao et al. 2024, section 4.1.2), TRL's `scale_rewards="group"`;
   * - `batch`: (r − r̄) / (s_batch + 1e-4): TRL's `scale_rewards="batch"` (Liu et al. 2025, "Tricks or Traps");
   * - `none`: r − r̄: Dr. GRPO (Liu et al. 2025, section 3.2), TRL's `scale_rewards="none"`;
   * - `rloo`: r − mean of the group's others: RLOO (Ahmadian et al. 2024, section 3.1);
   * - `maxrl`: (r − r̄) / r̄, 0 where r̄ is 0: maximum likelihood of success, for rewards of 0 and 1 (MaxRL, Tajwar et al. 2026, arXiv
   *   2602.02710).
   *
   * @default "group"
   */
  advantage?: AdvantageName;
  /**
   * Afterwards subtract the mean of the whole batch's advantages and divide by their standard deviation + 1e-4:
   * TRL's `normalize_advantages` of its RLOO trainer.
   *
   * @default false
   */
  normalize?: boolean;
}

const epsilon = 1e-4;

/**
 * Turns rewards, a row a prompt and a column a completion, into advantages of the same shape.
 *
 * A NaN reward says that the completion could not be scored: it is left out of every baseline and its advantage is 0.
 * A group of one, or one whose rewards are all equal, gets advantages of 0.
 *
 * @throws {RangeError} for rewards that are not 0 or 1 under `maxrl`
 * @example
 * ```ts
 * import { advantages } from "../../mod.ts";
 * advantages([[1, 0, 0, 3]], { advantage: "rloo" }); // [[0, -1.333…, -1.333…, 2.666…]]
 * ```
 */
export function advantages(rewards: number[][], options: AdvantageOptions = {}): number[][] {
  const { advantage = "group", normalize = false } = options;
  const batchStd = moments(rewards.flat()).std;
  const baselined = rewards.map((group) => {
    const { mean, std, count } = moments(group);
    switch (advantage) {
      case "group":
        return group.map((reward) => (reward - mean) / (std + epsilon));
      case "batch":
        return group.map((reward) => (reward - mean) / (batchStd + epsilon));
      case "none":
        return group.map((reward) => reward - mean);
      case "rloo":
        return group.map((reward) => reward - (mean * count - reward) / (count - 1));
      case "maxrl": {
        const other = group.find((reward) => reward !== 0 && reward !== 1 && !Number.isNaN(reward));
        if (other !== undefined) {
          throw new RangeError(
            `advantages(): advantage "maxrl" is for rewards of 0 and 1, one is ${other}; let correctness alone be the reward, or take another advantage`,
          );
        }
        return group.map((reward) => mean === 0 ? 0 : (reward - mean) / mean);
      }
      default:
        throw new RangeError(
          `advantages(): advantage must be one of ${advantageNames.join(", ")}, not ${
            JSON.stringify(advantage)
          }`,
        );
    }
  });
  const { mean, std } = moments(baselined.flat());
  return baselined.map((group) =>
    group.map((value) => {
      const scaled = normalize ? (value - mean) / (std + epsilon) : value;
      return Number.isNaN(scaled) ? 0 : scaled;
    })
  );
}
