import { type BoundPart, part } from "./binding.ts";
import { rowStep, type SettledFactor } from "./product.ts";

/** What a product's kernel binds of its factors: `b0`, `b1`, … in as many floats as told, and `bias0`, … of those that have one. */
export function factorReads(
  factors: readonly SettledFactor[],
  lanes: (factor: SettledFactor) => 1 | 4,
): Record<string, BoundPart> {
  return Object.fromEntries([
    ...factors.map((factor, i) => [`b${i}`, { ...part(factor.b), lanes: lanes(factor) }] as const),
    ...factors.flatMap(({ bias }, i) => bias ? [[`bias${i}`, part(bias)] as const] : []),
  ]);
}

/** The numbers of its factors, by name and place, with those of `more`. */
export function factorInts(
  factors: readonly SettledFactor[],
  more: Record<string, readonly number[]>,
): Record<string, number> {
  return Object.fromEntries(factors.flatMap((factor, i) => [
    [`columns${i}`, factor.columns],
    [`inner${i}`, factor.inner],
    [`firstA${i}`, factor.firstA],
    [`firstB${i}`, factor.firstB],
    [`widthB${i}`, rowStep(factor)],
    [`firstOut${i}`, factor.firstOut],
    ...Object.entries(more).map(([name, values]) => [`${name}${i}`, values[i]]),
  ]));
}

/** Their scales. */
export const factorScales = (factors: readonly SettledFactor[]): Record<string, number> =>
  Object.fromEntries(factors.map(({ scale }, i) => [`scale${i}`, scale]));
