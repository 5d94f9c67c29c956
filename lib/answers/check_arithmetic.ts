/** An equation that a text states, and whether it holds. */
export interface Equation {
  /** As it stands in the text. */
  text: string;
  /** What the left side is worth. */
  value: number;
  /** What the text says that it is worth. */
  claimed: number;
  holds: boolean;
}

interface Token {
  kind: "number" | "operator" | "open" | "close" | "equals";
  text: string;
  value: number;
  percent: boolean;
  start: number;
  end: number;
}

/** A side of an equation: the sum of its terms, by precedence. */
interface Side {
  value: number;
  operations: number;
  start: number;
  end: number;
  last: Token;
}

const words: [RegExp, string][] = [
  [/\bplus\b/gi, "+"],
  [/\bminus\b/gi, "-"],
  [/\b(?:times|multiplied by)\b/gi, "*"],
  [/\bdivided by\b/gi, "/"],
  [/\bequals\b/gi, "="],
];

/**
 * Finds every equation in a text, each within its line, such as `5 + 3 = 8`, `$1,200 × 15% = $180` or `6 apples + 2 apples = 8 apples`, and works it out.
 *
 * Understood: + − × x · * ÷ / and brackets by precedence, chains (`3 + 4 = 7 − 2` states two sides), thousands separators, currency
 * signs, percentages, `20% of 50`, up to two words of unit after a number, Bangla digits, and the words plus, minus, times, divided by, equals. A
 * decimal claim holds when it is the value rounded to its decimals; a whole one only when it is exact, or after `≈`.
 *
 * @example
 * ```ts
 * import { checkArithmetic } from "./check_arithmetic.ts";
 * checkArithmetic("She has 5 + 3 = 9 eggs.")[0]; // { text: "5 + 3 = 9", value: 8, claimed: 9, holds: false }
 * ```
 */
export function checkArithmetic(text: string): Equation[] {
  const original = text;
  let plain = text.replace(/[০-৯]/g, (digit) => `${digit.charCodeAt(0) - 0x9e6}`);
  // Same lengths as in the original, so that positions stay true.
  for (const [word, sign] of words) plain = plain.replace(word, (match) => sign.padEnd(match.length));
  return runs(plain).flatMap((run) => {
    const equations: Equation[] = [];
    let left: Side | null = null, about = false, from = 0;
    for (let i = 0; i <= run.length; i++) {
      if (i < run.length && run[i].kind !== "equals") continue;
      const right = parse(run.slice(from, i));
      if (left && right && left.operations > 0) {
        equations.push({
          text: original.slice(left.start, right.end).trim(),
          value: left.value,
          claimed: right.value,
          holds: same(left, right, about),
        });
      }
      left = right;
      about = run[i]?.text === "≈";
      from = i + 1;
    }
    return equations;
  });
}

/** Splits a text into runs of tokens that can belong to one equation. */
function runs(text: string): Token[][] {
  const token =
    /(?<number>[$€£₹৳]?\s?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)(?<percent>\s?%)?|(?<operator>[+*×·÷/−–-]|\bof\b|(?<=\s)x(?=\s)|(?<=\d)x(?=\d))|(?<equals>[=≈])|(?<open>\()|(?<close>\))/gy;
  const unit = / +(?:[a-zA-Z]+(?:\/[a-zA-Z]+)? +){1,2}(?=[+*×·÷/−–=≈-])/y;
  const found: Token[][] = [];
  let run: Token[] = [], depth = 0, at = 0;
  const finish = () => {
    if (run.some(({ kind }) => kind === "equals")) found.push(run);
    run = [], depth = 0;
  };
  while (at < text.length) {
    if (/\s/.test(text[at])) {
      if (text[at] === "\n") finish();
      at++;
      continue;
    }
    token.lastIndex = at;
    const match = token.exec(text), operand = run.at(-1)?.kind === "number" || run.at(-1)?.kind === "close";
    if (!match) {
      unit.lastIndex = at - 1;
      const skipped = operand && /\s/.test(text[at - 1]) ? unit.exec(text) : null;
      if (skipped && !/\bx\b/.test(skipped[0])) at = unit.lastIndex;
      else {
        finish();
        // A word is passed over whole: the 2 of "x2" is no number.
        const word = /^[\p{L}_][\p{L}\p{N}_]*/u.exec(text.slice(at, at + 64));
        at += word ? word[0].length : 1;
      }
      continue;
    }
    const groups = match.groups!, start = at;
    const kind = (["number", "operator", "equals", "open", "close"] as const).find((name) =>
      groups[name] !== undefined
    )!;
    at = token.lastIndex;
    const negative = kind === "operator" && !operand && /[−–-]/.test(match[0]) &&
      /[\d$€£₹৳]/.test(text[at] ?? "");
    if ((kind === "number" || kind === "open") && operand) finish();
    if (
      kind === "close" && depth === 0 || kind === "operator" && !operand && !negative ||
      kind === "equals" && (!operand || depth > 0)
    ) {
      finish();
      continue;
    }
    depth += kind === "open" ? 1 : kind === "close" ? -1 : 0;
    if (negative) {
      token.lastIndex = at;
      const number = token.exec(text)!;
      at = token.lastIndex;
      run.push({ ...numberToken(number, start, at), value: -numberToken(number, start, at).value });
    } else if (kind === "number") run.push(numberToken(match, start, at));
    else run.push({ kind, text: match[0], value: NaN, percent: false, start, end: at });
  }
  finish();
  return found;
}

function numberToken(match: RegExpExecArray, start: number, end: number): Token {
  const text = match.groups!.number.replace(/[^\d.]/g, ""), percent = match.groups!.percent !== undefined;
  return { kind: "number", text, value: percent ? Number(text) / 100 : Number(text), percent, start, end };
}

/** Works a side out by precedence; `null` when it is no complete expression. */
function parse(tokens: Token[]): Side | null {
  if (tokens.length === 0) return null;
  let at = 0, operations = 0;
  const operator = (signs: string) => tokens[at]?.kind === "operator" && signs.includes(tokens[at].text);
  const factor = (): number => {
    const token = tokens[at++];
    if (token?.kind === "number") return token.value;
    if (token?.kind !== "open") return NaN;
    const value = sum();
    return tokens[at++]?.kind === "close" ? value : NaN;
  };
  const product = (): number => {
    let value = factor();
    while (operator("*×·xof÷/")) {
      const divide = "÷/".includes(tokens[at++].text), next = factor();
      value = divide ? value / next : value * next;
      operations++;
    }
    return value;
  };
  const sum = (): number => {
    let value = product();
    while (operator("+−–-")) {
      const add = tokens[at++].text === "+", next = product();
      value = add ? value + next : value - next;
      operations++;
    }
    return value;
  };
  const value = sum();
  if (at !== tokens.length || !Number.isFinite(value)) return null;
  return { value, operations, start: tokens[0].start, end: tokens.at(-1)!.end, last: tokens.at(-1)! };
}

function same(left: Side, right: Side, about: boolean): boolean {
  const claim = right.last, decimals = claim.text.split(".")[1]?.length ?? 0;
  const rounds = right.operations === 0 && (decimals > 0 || about);
  // "10 / 50 × 100 = 20 %" says 20, "10 / 50 = 20 %" says 0.2: both are meant well.
  const readings = right.operations === 0 && claim.percent
    ? [[1, right.value * 100], [100, right.value * 100]]
    : [[1, right.value]];
  return readings.some(([scale, claimed]) => {
    const slack = rounds ? 0.5 * 10 ** -decimals : 0;
    return Math.abs(left.value * scale - claimed) <= slack + 1e-9 * Math.max(1, Math.abs(claimed));
  });
}
