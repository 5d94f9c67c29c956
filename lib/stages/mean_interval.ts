import type { Difference } from "./statistics.ts";

/** Student's t at 97.5 % for 1 to 30 degrees of freedom. */
const t975 = [
  [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228],
  [2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11, 2.101, 2.093, 2.086],
  [2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042],
].flat();

/**
 * The mean of a few independent measurements, such as one a seed, with its 95 % interval: x̄ ± t₀.₉₇₅(n−1)·s/√n. One
 * measurement has no interval: both ends are NaN.
 *
 * @throws {RangeError} when there is no measurement
 * @example
 * ```ts
 * meanInterval([0.9, 0.92, 0.94]); // { value: 0.92, low: 0.8703…, high: 0.9696… }
 * ```
 */
export function meanInterval(values: number[]): Difference {
  const n = values.length;
  if (n === 0) throw new RangeError("An interval of a mean needs at least one measurement, but got none");
  const value = values.reduce((sum, x) => sum + x, 0) / n;
  const variance = values.reduce((sum, x) => sum + (x - value) ** 2, 0) / (n - 1);
  const half = n > 1 ? (t975[n - 2] ?? 1.96) * Math.sqrt(variance / n) : NaN;
  return { value, low: value - half, high: value + half };
}
