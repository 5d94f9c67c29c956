import jstat from "jstat";
import type { Difference } from "./statistics.ts";

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
  const half = n > 1 ? jstat.studentt.inv(0.975, n - 1) * Math.sqrt(variance / n) : NaN;
  return { value, low: value - half, high: value + half };
}
