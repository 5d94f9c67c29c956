import type { Expression } from "./parse_expression.ts";

const operation = (name: string, ...of: Expression[]): Expression => ({ kind: "operation", name, of });
const one: Expression = { kind: "number", n: 1n, d: 1n, decimals: 0 };
const product = (a: Expression, b: Expression) => a === one ? b : b === one ? a : operation("*", a, b);

/** What stands above and below the bar. A sum with two denominators stays, except in the two sides of the equation, so that nothing grows. */
function parts(node: Expression, depth: number): [above: Expression, below: Expression] {
  if (node.kind !== "operation" || depth > 8) return [node, one];
  const { name, of } = node;
  if (name === "negate") {
    const [above, below] = parts(of[0], depth + 1);
    return [operation("negate", above), below];
  }
  if (name !== "/" && name !== "*" && name !== "times" && name !== "+" && name !== "-") return [node, one];
  const [a, b] = parts(of[0], depth + 1), [c, d] = parts(of[1], depth + 1);
  if (name === "/") return [product(a, d), product(b, c)];
  if (name === "*" || name === "times") return [product(a, c), product(b, d)];
  if (b !== one && d !== one && depth > 1) return [node, one];
  return [operation(name, product(a, d), product(c, b)), product(b, d)];
}

/**
 * The numerator of an expression over one denominator: where an equation says that the expression is zero, `y - 2/x` says what
 * `xy - 2` does.
 *
 * @example
 * ```ts
 * import { cleared } from "./cleared.ts";
 * import { parseExpression } from "./parse_expression.ts";
 * cleared(parseExpression("y-2/x")!); // (y * x) - 2
 * ```
 */
export const cleared = (node: Expression): Expression => parts(node, 0)[0];
