/** Mean and sample standard deviation of some numbers. */
export interface Moments {
  /** NaN when nothing was counted. */
  mean: number;
  /** With n − 1 in the denominator; NaN for fewer than two numbers. */
  std: number;
  /** How many numbers were not NaN. */
  count: number;
}

/**
 * The mean and the sample standard deviation (n − 1) of `values`, leaving out every NaN, as TRL's `nanstd` does.
 *
 * @example
 * ```ts
 * import { moments } from "./moments.ts";
 * moments([1, 2, NaN, 3]); // { mean: 2, std: 1, count: 3 }
 * ```
 */
export function moments(values: Iterable<number>): Moments {
  const known = [...values].filter((value) => !Number.isNaN(value));
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: known.length > 1 ? Math.sqrt(squares / (known.length - 1)) : NaN, count: known.length };
}
