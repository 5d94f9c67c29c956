import type { Random } from "../random/random.ts";

/** One calculation, all whole numbers from 0 to 100. */
export interface Calculation {
  left: number;
  operator: "+" | "-" | "×" | "÷" | "%";
  right: number;
  result: number;
}

/** `12 + 7 = 19`; a percentage reads `25% of 40 = 10`. */
export function calculationText({ left, operator, right, result }: Calculation): string {
  return operator === "%" ? `${right}% of ${left} = ${result}` : `${left} ${operator} ${right} = ${result}`;
}

/** Applies an operator. */
export function calculate(left: number, operator: Calculation["operator"], right: number): number {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "×":
      return left * right;
    case "÷":
      return left / right;
    case "%":
      return left * right / 100;
  }
}

/** Right operands that keep `left operator right` whole, within 0 to 100, and in the range that a small model can learn. */
export function rightOperands(left: number, operator: Calculation["operator"]): number[] {
  const up = Array.from({ length: 60 }, (_, i) => i + 1);
  switch (operator) {
    case "+":
      return up.filter((right) => left + right <= 60 || (right <= 20 && left + right <= 100));
    case "-":
      return up.filter((right) => right < left && (left <= 60 || right <= 20));
    case "×":
      return left < 2 || left > 12
        ? []
        : up.filter((right) => right >= 2 && right <= 10 && left * right <= 100);
    case "÷":
      return up.filter((right) =>
        right >= 2 && right <= 10 && left % right === 0 && left / right >= 1 && left / right <= 12
      );
    case "%":
      return left > 0 ? [10, 20, 25, 50].filter((right) => left * right % 100 === 0) : [];
  }
}

/** Any calculation that the problems may ask for. */
export function randomCalculation(random: Random): Calculation {
  for (;;) {
    const operator = random.weighted<Calculation["operator"]>([["+", 4], ["-", 4], ["×", 2], ["÷", 2], [
      "%",
      1,
    ]]);
    const left = operator === "×" ? random.between(2, 12) : random.between(1, 100),
      right = rightOperands(left, operator);
    if (right.length === 0) continue;
    const chosen = random.pick(right);
    return { left, operator, right: chosen, result: calculate(left, operator, chosen) };
  }
}
