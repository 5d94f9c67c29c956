/**
 * The parts of a ratio in their order, each a fraction `[numerator, denominator]`, or `null`: `3:4`, `3 to 4`, `1 : 2.5 : 3`.
 *
 * @example
 * ```ts
 * import { readRatio } from "./read_ratio.ts";
 * readRatio("3 to 4"); // [[3n, 1n], [4n, 1n]]
 * ```
 */
export function readRatio(text: string): [bigint, bigint][] | null {
  if (!/^\d{1,15}(?:\.\d{1,15})?(?:(?: ?: ?| to )\d{1,15}(?:\.\d{1,15})?){1,5}$/.test(text)) return null;
  if (/(?:^|\D)0\d/.test(text.replace(/\.\d+/g, ""))) return null; // 3:04 is a time
  const parts = text.split(/ ?: ?| to /).map((part): [bigint, bigint] => {
    const [whole, decimals = ""] = part.split(".");
    return [BigInt(whole + decimals), 10n ** BigInt(decimals.length)];
  });
  return parts.every(([above]) => above > 0n) ? parts : null;
}

/** Whether two ratios are the same: `6:8` is `3:4`, `4:3` is not. */
export function sameRatio(a: [bigint, bigint][], b: [bigint, bigint][]): boolean {
  const [[a0, a1]] = a, [[b0, b1]] = b;
  return a.length === b.length &&
    a.every(([n, d], i) => n * a1 * b[i][1] * b0 === b[i][0] * b1 * d * a0);
}
