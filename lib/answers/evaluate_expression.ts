import { Complex } from "complex.js";
import { binomial } from "./binomial.ts";
import { factorial } from "./factorial.ts";
import type { Expression } from "./parse_expression.ts";
import { steps } from "./steps.ts";
import {
  add,
  applied,
  approximate,
  divide,
  exponential,
  float,
  fraction,
  isExact,
  isUnknown,
  isWhole,
  multiply,
  negate,
  power,
  signOf,
  unknown,
  type Value,
  whole,
} from "./value.ts";

/** How many points {@linkcode evaluateExpression} knows. */
export const points = 7;

/** Where a letter may lie at each point: above and below zero, and inside (0, 1) for what is defined only there. */
const ranges = [[300, 2300], [300, 2300], [-2300, -300], [-2300, -300], [40, 980], [40, 980], [2100, 6000]];

/** The same letter has the same value on both sides: a fixed fraction by its name and the point. */
function letter(name: string, point: number): Value {
  let hash = 2166136261 ^ (point * 0x9e3779b1);
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 16777619);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = (hash ^ (hash >>> 12)) >>> 0;
  const [low, high] = ranges[point];
  return fraction(BigInt(low + hash % (high - low)), 1009n);
}

const irrational = (value: number): Value =>
  approximate(new Complex(value, 0), Math.abs(value) * 2 ** -53, false);
const pi = irrational(Math.PI);

/** Methods of complex.js by the names of the functions. */
const functions: Record<string, (z: Complex) => Complex> = {
  sin: (z) => z.sin(),
  cos: (z) => z.cos(),
  tan: (z) => z.tan(),
  cot: (z) => z.cot(),
  sec: (z) => z.sec(),
  csc: (z) => z.csc(),
  sinh: (z) => z.sinh(),
  cosh: (z) => z.cosh(),
  tanh: (z) => z.tanh(),
  coth: (z) => z.coth(),
  arcsin: (z) => z.asin(),
  arccos: (z) => z.acos(),
  arctan: (z) => z.atan(),
  arccot: (z) => z.acot(),
  arcsec: (z) => z.asec(),
  arccsc: (z) => z.acsc(),
  arcsinh: (z) => z.asinh(),
  arccosh: (z) => z.acosh(),
  arctanh: (z) => z.atanh(),
  ln: (z) => z.log(),
};

/** The logarithm; exact where the base's power is: `\log_2 8` is 3. */
function logarithm(a: Value, base: Value): Value {
  if (isWhole(a) && isWhole(base) && base.n > 1n && a.n > 0n) {
    let rest = a.n, count = 0;
    const each = a.n.toString(16).length / 8;
    while (rest % base.n === 0n && count < 4000) {
      steps.spend(each);
      [rest, count] = [rest / base.n, count + 1];
    }
    if (rest === 1n) return whole(count);
  }
  return divide(applied(functions.ln, a), applied(functions.ln, base));
}

function rounded(a: Value, up: boolean): Value {
  if (isExact(a)) {
    const down = a.n / a.d - (a.n < 0n && a.n % a.d !== 0n ? 1n : 0n);
    return whole(up && a.d !== 1n ? down + 1n : down);
  }
  if (isUnknown(a) || Math.abs(a.z.im) > 16 * a.error || Math.abs(a.z.re) > 1e12) return unknown;
  return whole(up ? Math.ceil(a.z.re) : Math.floor(a.z.re));
}

function absolute(a: Value): Value {
  if (isExact(a)) return a.n < 0n ? negate(a) : a;
  const sign = signOf(a);
  if (sign !== null) return sign < 0 ? negate(a) : a;
  return isUnknown(a) ? unknown : approximate(new Complex(a.z.abs(), 0), a.error, a.outside);
}

function operate(name: string, of: Value[]): Value {
  const [a, b] = of;
  switch (name) {
    case "+":
      return add(a, b);
    case "-":
      return add(a, negate(b));
    case "negate":
      return negate(a);
    case "*":
    case "times":
      return multiply(a, b);
    case "/":
      return divide(a, b);
    case "^":
      return power(a, b);
    case "root":
      return power(a, divide(whole(1), b));
    case "percent":
      return divide(a, whole(100));
    case "degrees":
      return divide(multiply(a, pi), whole(180));
    case "factorial":
      return factorial(a);
    case "binomial":
      return binomial(a, b);
    case "abs":
      return absolute(a);
    case "floor":
      return rounded(a, false);
    case "ceil":
      return rounded(a, true);
    case "sgn":
      return signOf(a) === null ? unknown : whole(signOf(a)!);
    case "exp":
      return exponential(a);
    case "log":
      return logarithm(a, b ?? whole(10));
    case "lg":
      return logarithm(a, whole(10));
  }
  const f = functions[name];
  if (!f || isUnknown(a)) return unknown;
  if (name === "ln" && isExact(a) && a.n === 0n) return unknown;
  return applied(f, a);
}

/**
 * The value of an expression at a point, where each letter stands for a fixed fraction; exact as long as only fractions and their
 * roots occur, else a float with the bound of its error. Time is bounded by the expression's length: nothing is expanded, and
 * numbers that grow beyond 40,000 bits become floats.
 *
 * @param point From 0 to {@linkcode points} - 1.
 * @example
 * ```ts
 * import { evaluateExpression } from "./evaluate_expression.ts";
 * import { parseExpression } from "./parse_expression.ts";
 * evaluateExpression(parseExpression("20!")!, 0); // { n: 2432902008176640000n, d: 1n }
 * ```
 */
export function evaluateExpression(node: Expression, point: number): Value {
  steps.spend(5);
  if (node.kind === "number") return fraction(node.n, node.d);
  if (node.kind === "letter") {
    if (node.name === "π") return pi;
    if (node.name === "e") return irrational(Math.E);
    if (node.name === "i") return approximate(new Complex(0, 1), 0, false);
    return node.name.includes("∞") ? unknown : letter(node.name, point);
  }
  const of: Value[] = [];
  for (const child of node.of) {
    const value = evaluateExpression(child, point);
    if (isUnknown(value)) return unknown;
    of.push(value);
  }
  // e to a whole power is no product of rounded e's.
  if (node.name === "^" && node.of[0].kind === "letter" && node.of[0].name === "e" && !isUnknown(of[1])) {
    return exponential(of[1]);
  }
  return operate(node.name, of);
}

/** Whether a letter stands in the expression that is no constant. */
export function hasLetters(node: Expression): boolean {
  if (node.kind === "number") return false;
  if (node.kind === "letter") return !/^[πei]$/.test(node.name);
  return node.of.some(hasLetters);
}

/** The point's value as a float, where it is real. */
export function realNumber(value: Value): number | null {
  return signOf(value) === null ? null : float(value).z.re;
}
