import type { Evaluated } from "./evaluated.ts";
import { points } from "./evaluate_expression.ts";
import { divide, isExact, isUnknown, isZero, sameValue, signOf, type Value } from "./value.ts";

/**
 * Whether one expression is the other times a constant, as the two sides of a rearranged equation are: the constant's sign, or
 * `null`. Expressions that are constant themselves say nothing.
 */
export function constantRatio(a: Evaluated, b: Evaluated): 1 | -1 | null {
  if (!a.hasLetters || !b.hasLetters) return null;
  let ratio: Value | null = null, varies = false;
  for (let point = 0; point < points; point++) {
    const x = a.at(point), y = b.at(point);
    if ((!isExact(x) && x.outside) || (!isExact(y) && y.outside)) continue;
    if (isUnknown(x) || isUnknown(y) || isZero(x) || isZero(y)) return null;
    const next = divide(x, y);
    if (ratio !== null && !sameValue(ratio, next)) return null;
    ratio = next;
    varies ||= point > 0 && !sameValue(a.at(0), x);
  }
  if (ratio === null || !varies) return null;
  const sign = signOf(ratio);
  return sign === 0 ? null : sign;
}
