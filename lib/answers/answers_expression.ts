import { evaluateExpression, hasLetters, points } from "./evaluate_expression.ts";
import { type Expression, parseExpression } from "./parse_expression.ts";
import { divide, isExact, isUnknown, isZero, sameValue, signOf, type Value } from "./value.ts";

const isLiteral = (node: Expression): boolean =>
  node.kind === "number" || (node.kind === "operation" && node.name === "negate" && isLiteral(node.of[0]));

/** `10+8` and `3*6` leave the work undone; `\sqrt{4}`, `2^{10}` and `5!` are ways to write a number. */
function leavesWork(node: Expression): boolean {
  if (node.kind !== "operation") return false;
  return (["+", "-", "*", "times"].includes(node.name) && node.of.every(isLiteral)) ||
    node.of.some(leavesWork);
}

/** An expression with its values, each worked out when it is first asked for. */
export class Evaluated {
  readonly #values: Value[] = [];
  readonly hasLetters: boolean;
  constructor(readonly node: Expression) {
    this.hasLetters = hasLetters(node);
  }

  at(point: number): Value {
    return this.#values[point] ??= evaluateExpression(this.node, point);
  }
}

/** The expression of a text, or `null`. */
export function readExpression(text: string): Evaluated | null {
  const node = parseExpression(text);
  return node && new Evaluated(node);
}

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

/**
 * Whether one expression is the other times a constant, as the two sides of a rearranged equation are: the constant's sign, or
 * `null`. Expressions that are constant themselves say nothing.
 */
export function constantRatio(a: Evaluated, b: Evaluated): 1 | -1 | null {
  if (!a.hasLetters || !b.hasLetters) return null;
  let ratio: Value | null = null, varies = false;
  for (let point = 0; point < points; point++) {
    const x = a.at(point), y = b.at(point);
    if (outside(x) || outside(y)) continue;
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

/**
 * Whether two expressions say the same.
 *
 * @param answer In `cleanAnswer`'s spelling.
 * @param plain The reference is a plain number, and the answer must then not leave arithmetic undone.
 *
 * @example
 * ```ts
 * import { expressionsMatch } from "./answers_expression.ts";
 * expressionsMatch("(x+1)^2", "x^2+2x+1", false); // true
 * ```
 */
export function expressionsMatch(answer: string, reference: string, plain: boolean): boolean {
  const b = readExpression(reference);
  if (b === null) return false;
  const a = readExpression(answer);
  return a !== null && !(plain && leavesWork(a.node)) && sameExpression(a, b);
}
