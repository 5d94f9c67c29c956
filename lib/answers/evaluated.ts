import { evaluateExpression, hasLetters } from "./evaluate_expression.ts";
import { type Expression, parseExpression } from "./parse_expression.ts";
import type { Value } from "./value.ts";

/** An expression with its values, each worked out when it is first asked for. */
export class Evaluated {
  readonly #values: Value[] = [];
  readonly hasLetters: boolean;
  constructor(readonly node: Expression) {
    this.hasLetters = hasLetters(node);
  }

  /** The expression of a text, or `null`. */
  static read(text: string): Evaluated | null {
    const node = parseExpression(text);
    return node && new Evaluated(node);
  }

  /** Its value at a point of {@linkcode evaluateExpression}. */
  at(point: number): Value {
    return this.#values[point] ??= evaluateExpression(this.node, point);
  }
}
