import { type Rate, wilsonBounds } from "./statistics.ts";

/** A mean of shares, one a problem, with its 95 % interval. */
export interface ShareInterval {
  /** The share. */
  value: number;
  /** Lower end of the interval. */
  low: number;
  /** Upper end of the interval. */
  high: number;
}

/**
 * The mean of one share a problem (0 to 1) with an interval over problems: Wilson's for n_eff observations, where n_eff = p̂(1−p̂)/(s²/m) and s² is
 * the shares' variance over the m problems, so samples of one problem count for as much as they differ (a design effect; Korn and Graubard 1998). With one
 * sample a problem it is Wilson's interval itself; where all shares are 0, or all 1, n_eff = m.
 *
 * @param most Observations behind the shares, which n_eff cannot exceed. Default: the problems.
 * @example
 * ```ts
 * import { shareInterval } from "./problem_rate.ts";
 * shareInterval([1, 1, 0, 0]); // { value: 0.5, low: 0.15…, high: 0.85… }
 * ```
 */
export function shareInterval(shares: readonly number[], most: number = shares.length): ShareInterval {
  const m = shares.length;
  if (m === 0) return { value: NaN, low: 0, high: 1 };
  const value = shares.reduce((sum, share) => sum + share, 0) / m;
  const variance = shares.reduce((sum, share) => sum + (share - value) ** 2, 0) / m;
  const spread = value * (1 - value);
  const observations = spread < 1e-15 ? m : variance < spread / most * 1e-12 ? most : spread / (variance / m);
  const { low, high } = wilsonBounds(value, Math.min(most, observations));
  return { value, low, high };
}

/**
 * A share of all samples with an interval over problems: the samples of a problem are alike, so they are no independent observations.
 *
 * @param groups One list a problem: what each of its samples was.
 * @example
 * ```ts
 * import { problemRate } from "./problem_rate.ts";
 * problemRate([[true, true], [false, false]]); // 2 of 4, and as wide as 1 of 2
 * ```
 */
export function problemRate(groups: readonly (readonly boolean[])[]): Rate {
  const total = groups.reduce((sum, group) => sum + group.length, 0);
  const count = groups.reduce((sum, group) => sum + group.filter(Boolean).length, 0);
  const shares = groups.filter((group) => group.length > 0).map((group) =>
    group.filter(Boolean).length / group.length
  );
  const { low, high } = shareInterval(shares, total);
  return { value: total === 0 ? NaN : count / total, low, high, count, total };
}
