import type { Evaluated } from "./evaluated.ts";
import { points } from "./evaluate_expression.ts";
import { isExact, isUnknown, sameValue, type Value } from "./value.ts";

const outside = (value: Value) => !isExact(value) && value.outside;

/**
 * Whether two expressions have the same value, whatever their letters stand for: they are compared at seven fixed points (Schwartz,
 * JACM 1980: different polynomials agree at a random point almost never), exactly where both are exact. A point counts only
 * where both are defined on the real line, so that `\ln xy` is `\ln x + \ln y` and `\sqrt{x^2}` is not `x`.
 */
export function sameExpression(a: Evaluated, b: Evaluated): boolean {
  if (!a.hasLetters && !b.hasLetters) return sameValue(a.at(0), b.at(0));
  let inside = 0, everywhere = true;
  for (let point = 0; point < points; point++) {
    const x = a.at(point), y = b.at(point);
    if (isUnknown(x) && isUnknown(y)) continue;
    const same = sameValue(x, y);
    if (outside(x) || outside(y)) {
      everywhere &&= same;
      continue;
    }
    if (!same) return false;
    inside++;
  }
  return inside >= 2 || (everywhere && inside > 0);
}
