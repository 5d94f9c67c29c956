import { Evaluated } from "./evaluated.ts";
import type { Expression } from "./parse_expression.ts";
import { sameExpression } from "./same_expression.ts";

const isLiteral = (node: Expression): boolean =>
  node.kind === "number" || (node.kind === "operation" && node.name === "negate" && isLiteral(node.of[0]));

/** `10+8` and `3*6` leave the work undone; `\sqrt{4}`, `2^{10}` and `5!` are ways to write a number. */
function leavesWork(node: Expression): boolean {
  if (node.kind !== "operation") return false;
  return (["+", "-", "*", "times"].includes(node.name) && node.of.every(isLiteral)) ||
    node.of.some(leavesWork);
}

/**
 * Whether two expressions say the same.
 *
 * @param answer In `cleanAnswer`'s spelling.
 * @param plain The reference is a plain number, and the answer must then not leave arithmetic undone.
 *
 * @example
 * ```ts
 * import { expressionsMatch } from "./expressions_match.ts";
 * expressionsMatch("(x+1)^2", "x^2+2x+1", false); // true
 * ```
 */
export function expressionsMatch(answer: string, reference: string, plain: boolean): boolean {
  const b = Evaluated.read(reference);
  if (b === null) return false;
  const a = Evaluated.read(answer);
  return a !== null && !(plain && leavesWork(a.node)) && sameExpression(a, b);
}
