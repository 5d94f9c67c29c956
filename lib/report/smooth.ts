/** How {@linkcode smooth} averages. */
export interface SmoothOptions {
  /** Standard deviation of the Gaussian window, in points. @default a thirtieth of the length, at least 1 */
  sigma?: number;
}

/**
 * A local linear fit with a Gaussian window: at each point i the straight line through its neighbours j that minimises
 * Σ_j k(i−j)·(y_j − a − b·(j−i))², k(d) = exp(−d²/2σ²), read at i (Cleveland 1979). Unlike an exponential average it does
 * not lag, and unlike a plain window it follows a slope up to both ends: a straight line stays what it is.
 *
 * @example
 * ```ts
 * smooth([1, 2, 3, 4]); // [1, 2, 3, 4]
 * ```
 */
export function smooth(
  values: number[],
  { sigma = Math.max(1, values.length / 30) }: SmoothOptions = {},
): number[] {
  const reach = Math.ceil(3 * sigma);
  const kernel = Array.from({ length: reach + 1 }, (_, d) => Math.exp(-d * d / (2 * sigma * sigma)));
  return values.map((_, i) => {
    let s0 = 0, s1 = 0, s2 = 0, t0 = 0, t1 = 0;
    for (let j = Math.max(0, i - reach); j <= Math.min(values.length - 1, i + reach); j++) {
      const d = j - i, k = kernel[Math.abs(d)];
      s0 += k;
      s1 += k * d;
      s2 += k * d * d;
      t0 += k * values[j];
      t1 += k * d * values[j];
    }
    const determinant = s0 * s2 - s1 * s1;
    return determinant > 1e-12 ? (s2 * t0 - s1 * t1) / determinant : t0 / s0;
  });
}
