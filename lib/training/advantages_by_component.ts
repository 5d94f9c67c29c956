import { moments } from "./moments.ts";

/** How the components' normalised rewards are added. */
export interface ComponentAdvantageOptions {
  /** A weight a component, in the order of the innermost axis. */
  weights: number[];
}

/**
 * Advantages by normalise-then-sum: every component is normalised within its group before the weighted sum, so that a
 * component with a small range still counts; the sums are then normalised over the batch.
 *
 * A_i = norm_batch(Σ_k w_k · (r_ik − mean_group r_k) / (std_group r_k + 1e-4)), sample standard deviations (n − 1)
 * (GDPO, Liu et al. 2026; TRL's `multi_objective_aggregation="normalize_then_sum"`).
 *
 * `scores` is [prompt, completion, component]. A `null` score is left out of its component's group and of the
 * completion's sum; a completion whose scores are all `null` gets advantage 0.
 *
 * @throws {RangeError} when a completion does not have one score a weight.
 * @example
 * ```ts
 * import { advantagesByComponent } from "../../mod.ts";
 * advantagesByComponent([[[1, 0.2], [0, 0.4]]], { weights: [1, 0.5] });
 * ```
 */
export function advantagesByComponent(
  scores: (number | null)[][][],
  { weights }: ComponentAdvantageOptions,
): number[][] {
  for (const completion of scores.flat()) {
    if (completion.length !== weights.length) {
      throw new RangeError(
        `advantagesByComponent(): every completion needs one score for each of the ${weights.length} weights, ` +
          `one has ${completion.length}; pass null for a component that could not judge`,
      );
    }
  }
  const sums = scores.map((group) => {
    const spreads = weights.map((_, k) => moments(group.map((completion) => completion[k] ?? NaN)));
    return group.map((completion) => {
      if (completion.every((score) => score === null || Number.isNaN(score))) return NaN;
      return completion.reduce((sum: number, score, k) => {
        const part = weights[k] * ((score ?? NaN) - spreads[k].mean) / (spreads[k].std + 1e-4);
        return Number.isNaN(part) ? sum : sum + part;
      }, 0);
    });
  });
  const { mean, std } = moments(sums.flat());
  return sums.map((group) =>
    group.map((sum) => {
      const advantage = (sum - mean) / (std + 1e-4);
      return Number.isNaN(advantage) ? 0 : advantage;
    })
  );
}
