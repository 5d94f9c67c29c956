import type { ComputeEngine } from "@cortex-js/compute-engine";
// its smallest part, so that the package is there to be required where nothing was installed beforehand
import "@cortex-js/compute-engine/math-json";
import { packageRequire } from "../backend/package_files.ts";

type Node = number | string | { num: string } | [string, ...Node[]];
type Complex = [re: number, im: number];

let engine: ComputeEngine | undefined;

/**
 * Loads the computer-algebra library now, about 0.4 s once, instead of at the first answer that needs it.
 * Only its LaTeX parser is used.
 */
export function loadExpressions(): void {
  if (engine) return;
  // Importing showwork stays fast, and answersMatch() synchronous: so not `import()`.
  const library = packageRequire("@cortex-js/compute-engine");
  engine = new library.ComputeEngine() as ComputeEngine;
  engine.parse("\\frac{x}{2}", { form: "raw" });
}

const maxLength = 200, maxTokens = 90, maxDepth = 10;

const commands = new Set(
  ("frac sqrt pi sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh ln log exp binom alpha beta gamma delta " +
    "epsilon theta lambda mu phi varphi rho sigma tau omega psi infty").split(" "),
);

const words =
  /(^|[^\\a-z])(arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|sqrt|ln|log|exp|pi)(?![a-z])/gi;

/**
 * The text as the parser may safely see it, or `null`: the library's parser takes exponential time on unbalanced bars
 * and repeated postfix signs, so nothing reaches it but short, balanced text over known commands.
 */
function screen(text: string): string | null {
  if (text.length > maxLength) return null;
  const named = text.replace(words, (_, before, name) => `${before}\\${name.toLowerCase()} `)
    .replace(/([\^_]) ?(\d{2,})/g, "$1{$2}"); // TeX reads 2^10 as 2^1·0; people don't
  const closers: string[] = [];
  let tokens = 0, bars = 0, marks = 0, previous = "", raised = false, out = "";
  for (let i = 0; i < named.length; i++) {
    const character = named[i];
    if (character === " ") {
      // The parser would read "18 19" as 1819; \log_2 3 is another matter.
      if (/[\d.]/.test(previous) && /[\d.]/.test(named[i + 1] ?? "") && !raised) return null;
      out += " ";
      continue;
    }
    if (++tokens > maxTokens) return null;
    let token = character;
    if (character === "\\") {
      const name = /^[a-zA-Z]+/.exec(named.slice(i + 1, i + 12))?.[0] ?? "";
      if (!commands.has(name)) return null;
      token = "\\" + name;
      i += name.length;
      // \sqrt(x) is written by people who think of a function
      if (name === "sqrt") {
        const argument = /^ *\(/.exec(named.slice(i + 1));
        if (argument) {
          i += argument[0].length;
          closers.push("}()");
          out += "\\sqrt{(";
          previous = "(";
          continue;
        }
      }
    } else if (character === "(" || character === "[" || character === "{") {
      closers.push(character === "(" ? ")" : character === "[" ? "]" : "}");
      if (closers.length > maxDepth) return null;
    } else if (character === ")" || character === "]" || character === "}") {
      const expected = closers.pop();
      if (expected === "}()" && character === ")") {
        out += ")}";
        previous = ")";
        continue;
      }
      if (expected !== character) return null;
    } else if (character === "|") {
      if (++bars > 2) return null;
    } else if (character === "!") {
      if (++marks > 2 || previous === "!") return null;
    } else if ("+-*/^_".includes(character)) {
      // One sign after an operator is a sign, two are noise.
      if ("+*/^_".includes(character) && "+-*/^_([{".includes(previous)) return null;
      if (character === "-" && "+-^_".includes(previous) && previous !== "") return null;
    } else if (!/[0-9a-zA-Z.]/.test(character)) return null;
    out += character === "*" ? "\\cdot " : token;
    if (token.length > 1) out += " ";
    raised = previous === "^" || previous === "_";
    previous = token;
  }
  return closers.length === 0 && bars !== 1 ? out : null;
}

function parse(text: string): Node | null {
  const screened = screen(text);
  if (screened === null) return null;
  loadExpressions();
  try {
    return engine!.parse(screened, { form: "raw" }).json as Node;
  } catch {
    return null;
  }
}

const real = (value: number): Complex => [value, 0];
const add = (a: Complex, b: Complex): Complex => [a[0] + b[0], a[1] + b[1]];
const negate = (a: Complex): Complex => [-a[0], -a[1]];
const multiply = (a: Complex, b: Complex): Complex => [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]];
function divide(a: Complex, b: Complex): Complex {
  const size = b[0] * b[0] + b[1] * b[1];
  return [(a[0] * b[0] + a[1] * b[1]) / size, (a[1] * b[0] - a[0] * b[1]) / size];
}
const logarithm = (a: Complex): Complex => [Math.log(Math.hypot(a[0], a[1])), Math.atan2(a[1], a[0])];
const exponential = (
  a: Complex,
): Complex => [Math.exp(a[0]) * Math.cos(a[1]), Math.exp(a[0]) * Math.sin(a[1])];

function power(a: Complex, b: Complex): Complex {
  if (b[1] === 0 && Number.isInteger(b[0]) && Math.abs(b[0]) <= 64) {
    let result = real(1);
    for (let i = 0; i < Math.abs(b[0]); i++) result = multiply(result, a);
    return b[0] < 0 ? divide(real(1), result) : result;
  }
  if (a[1] === 0 && b[1] === 0 && a[0] >= 0) return real(a[0] ** b[0]);
  return exponential(multiply(b, logarithm(a)));
}

/** Functions of a real argument; a complex one is beyond what answers need. */
const functions: Partial<Record<string, (x: number) => number>> = {
  Sin: Math.sin,
  Cos: Math.cos,
  Tan: Math.tan,
  Cot: (x) => 1 / Math.tan(x),
  Sec: (x) => 1 / Math.cos(x),
  Csc: (x) => 1 / Math.sin(x),
  Arcsin: Math.asin,
  Arccos: Math.acos,
  Arctan: Math.atan,
  Sinh: Math.sinh,
  Cosh: Math.cosh,
  Tanh: Math.tanh,
  Lb: Math.log2,
  Lg: Math.log10,
  Factorial: factorial,
};

function factorial(n: number): number {
  if (!Number.isInteger(n) || n < 0 || n > 170) return NaN;
  let result = 1;
  for (let i = 2; i <= n; i++) result *= i;
  return result;
}

/** The same letter has the same value on both sides: a fixed number in (0.3, 2.3) by its name and the trial. */
function letter(name: string, trial: number): number {
  let hash = 2166136261 ^ (trial * 0x9e3779b1);
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 16777619);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  const value = 0.3 + 2 * ((hash >>> 0) / 2 ** 32);
  return trial >= 3 ? -value : value;
}

const notANumber: Complex = [NaN, NaN];

function value(node: Node, trial: number): Complex {
  if (typeof node === "number") return real(node);
  if (typeof node === "string") {
    if (node === "Pi") return real(Math.PI);
    if (node === "e" || node === "ExponentialE") return real(Math.E);
    if (node === "i" || node === "ImaginaryUnit") return [0, 1];
    return /^[A-Za-z]\w{0,10}$/.test(node) && !/^(?:Nothing|Undefined|Missing|.*Infinity)$/.test(node)
      ? real(letter(node, trial))
      : notANumber;
  }
  if (!Array.isArray(node)) return real(Number(node.num));
  const [name, ...rest] = node;
  if (name === "Apply" && Array.isArray(rest[0]) && rest[0][0] === "InverseFunction" && rest.length === 2) {
    return value([`Arc${String(rest[0][1]).toLowerCase()}`, rest[1]], trial);
  }
  if (name === "Delimiter") return rest.length >= 1 ? value(rest[0], trial) : notANumber;
  const args = rest.map((argument) => value(argument, trial));
  const [a, b] = args;
  if (!a || args.some((argument) => Number.isNaN(argument[0]))) return notANumber;
  switch (name) {
    case "Add":
      return args.reduce(add);
    case "Multiply":
      return args.reduce(multiply);
    case "InvisibleOperator":
      // 4\frac{2}{3} is a mixed number, 4\frac{x}{3} a product.
      return args.length === 2 && isMixed(rest[0], rest[1]) ? add(a, b) : args.reduce(multiply);
    case "Subtract":
      return b ? add(a, negate(b)) : negate(a);
    case "Negate":
      return negate(a);
    case "Divide":
    case "Rational":
      return b ? divide(a, b) : notANumber;
    case "Power":
      return b ? power(a, b) : notANumber;
    case "Square":
      return multiply(a, a);
    case "Sqrt":
      return a[1] === 0 && a[0] < 0 ? [0, Math.sqrt(-a[0])] : power(a, real(0.5));
    case "Root":
      return b
        ? (a[0] < 0 && a[1] === 0 && b[0] % 2 === 1
          ? real(-((-a[0]) ** (1 / b[0])))
          : power(a, divide(real(1), b)))
        : notANumber;
    case "Exp":
      return exponential(a);
    case "Ln":
      return b ? divide(logarithm(a), logarithm(b)) : logarithm(a);
    case "Log":
      return divide(logarithm(a), logarithm(b ?? real(10)));
    case "Abs":
      return real(Math.hypot(a[0], a[1]));
    case "Binomial": {
      if (!b) return notANumber;
      return real(Math.round(factorial(a[0]) / factorial(b[0]) / factorial(a[0] - b[0])));
    }
  }
  const f = functions[name];
  return f && a[1] === 0 ? real(f(a[0])) : notANumber;
}

function isMixed(first: Node, second: Node): boolean {
  return typeof first === "number" && Number.isInteger(first) && Array.isArray(second) &&
    second[0] === "Divide" &&
    typeof second[1] === "number" && typeof second[2] === "number" && second[1] < second[2];
}

const isLiteral = (node: Node): boolean =>
  typeof node === "number" || (Array.isArray(node) && node[0] === "Negate" && isLiteral(node[1])) ||
  (Array.isArray(node) && node[0] === "Delimiter" && isLiteral(node[1]));

/** `10+8` and `3*6` leave the work undone; `\sqrt{4}`, `2^{10}` and `5!` are ways to write a number. */
function leavesWork(node: Node): boolean {
  if (!Array.isArray(node)) return false;
  const [name, ...rest] = node;
  const sum = name === "Add" || name === "Subtract" || name === "Multiply" || name === "InvisibleOperator";
  return (sum && rest.every(isLiteral)) || rest.some(leavesWork);
}

function close(a: Complex, b: Complex): boolean {
  const size = Math.max(Math.hypot(...a), Math.hypot(...b));
  if (!Number.isFinite(size) || size > 2 ** 53) return false;
  const error = Math.hypot(a[0] - b[0], a[1] - b[1]);
  // Whole numbers above a billion must be equal, since a relative bound would let neighbours pass.
  if (size > 1e9 && Number.isInteger(a[0]) && Number.isInteger(b[0]) && a[0] !== b[0]) return false;
  return error <= 1e-10 * Math.max(1e-3, size);
}

/**
 * Whether two LaTeX expressions have the same value, whatever their letters stand for: the computer-algebra library
 * parses both, and they are compared at five fixed points (Schwartz, JACM 1980: different polynomials agree at a
 * random point almost never), three with positive letters and two with negative ones. Time is bounded by the
 * length (200 characters), never by the values: nothing is expanded or simplified.
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
  const b = parse(reference);
  if (b === null) return false;
  const a = parse(answer);
  if (a === null || (plain && leavesWork(a))) return false;
  for (let trial = 0; trial < 5; trial++) {
    if (!close(value(a, trial), value(b, trial))) return false;
  }
  return true;
}
