import { cleanAnswer } from "./answers_clean.ts";
import { cleared } from "./cleared.ts";
import { calendarDate } from "./calendar_date.ts";
import { clockTime } from "./clock_time.ts";
import { constantRatio } from "./constant_ratio.ts";
import { Evaluated } from "./evaluated.ts";
import { expressionsMatch } from "./expressions_match.ts";
import { numbersMatch, type ParsedNumber, parseNumber } from "./parse_number.ts";
import { readChoice } from "./read_choice.ts";
import { readChoices } from "./read_choices.ts";
import { readRatio, sameRatio } from "./read_ratio.ts";
import { readRealSet, sameRealSet } from "./real_set.ts";
import { remembered } from "./remembered.ts";
import { steps } from "./steps.ts";
import { withoutUnit } from "./read_unit.ts";

/** Longer answers are compared as they stand: no honest answer is this long, and it bounds every later step. */
const maxLength = 2000;

const number = remembered(parseNumber), realSet = remembered(readRealSet);
const choiceOf = remembered(readChoice), choicesOf = remembered(readChoices);
const timeOf = remembered(clockTime), dateOf = remembered(calendarDate), ratioOf = remembered(readRatio);

const isDigits = (text: string) => {
  const start = text[0] === "-" ? 1 : 0;
  if (text.length === start || text.length > 15) return false;
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 48 || code > 57) return false;
  }
  return true;
};

/**
 * Whether an answer says the same as the reference (SPEC section 2, correctness). Numbers compare as numbers, exactly,
 * in any ordinary spelling; sets without order, tuples and intervals with it; LaTeX expressions by value; text without
 * case and outer punctuation. Never a substring match; an empty answer never matches. Plain numbers take about a
 * microsecond; the work on any input is bounded by a count of steps, about 100 ms, after which answers are the same only when they are
 * written the same.
 *
 * @example
 * ```ts
 * import { answersMatch } from "../../mod.ts";
 * answersMatch("$1,234.00", "1234"); // true
 * answersMatch("\\frac{2}{4}", "0.5"); // true
 * answersMatch("18 and 19", "1819"); // false
 * ```
 */
export function answersMatch(answer: string, reference: string): boolean {
  const a = answer.trim(), b = reference.trim();
  if (a === "" || b === "") return false;
  if (isDigits(a) && isDigits(b)) return Number(a) === Number(b);
  if (a.length > maxLength || b.length > maxLength) return a === b;
  const left = cleanAnswer(a), right = cleanAnswer(b);
  return left !== "" && right !== "" && steps.within(() => match(left, right, 0), left === right);
}

function match(a: string, b: string, depth: number): boolean {
  if (depth > 6) return a === b;
  steps.spend(30 + a.length + b.length);
  const [wholeA, wholeB] = [a.trim(), b.trim()];
  a = withoutGloss(unwrap(wholeA));
  b = withoutGloss(unwrap(wholeB));
  if (a === b && a !== "" && !/^[\s.,;:!?'"]+$/.test(a)) return true;
  const special = specialMatch(a, b, depth);
  if (special !== null) return special;
  const m = number(a), n = number(b);
  // Before the text, where letter case says nothing: 5 MW is not 5 mW.
  if (m && n) return numbersMatch(m, n);
  const first = textKey(a), second = textKey(b);
  if (first !== "" && first === second) return !(oneLetterUnit.test(a) && oneLetterUnit.test(b));
  const written = m ? rewritten(b, m) : n ? rewritten(a, n) : null;
  if (written) return numbersMatch(written, (m ?? n)!);
  const reals = realSet(a) ?? realSet(wholeA), others = realSet(b) ?? realSet(wholeB);
  if (reals && others && (reals.explicit || others.explicit)) return sameRealSet(reals, others);

  const p = sidesOf(a), q = sidesOf(b);
  if (p && !q && isName(p[0])) return match(p[1], b, depth + 1);
  if (q && !p && isName(q[0])) return match(a, q[1], depth + 1);
  if (p && !q && isName(p[1]) && number(p[0])) return match(p[0], b, depth + 1);
  if (q && !p && isName(q[1]) && number(q[0])) return match(a, q[0], depth + 1);

  // 1,000,001 is no list where the other side is none.
  const left = m && !collectionOf(b) ? null : collectionOf(a),
    right = n && !collectionOf(a) ? null : collectionOf(b);
  if (left || right) return left !== null && right !== null && collectionsMatch(left, right, depth);

  if (p && q) {
    const ratio = rearranged(p, q, true);
    if (ratio !== null) return ratio !== 0;
    const same = match(p[0], q[0], depth + 1) && match(p[1], q[1], depth + 1);
    return same || (match(p[0], q[1], depth + 1) && match(p[1], q[0], depth + 1));
  }
  // 2 + 3 = 5 says 5 when it is true.
  if (p) return equalValues(p[0], b) && match(p[1], b, depth + 1);
  if (q) return false;

  const x = comparison(a), y = comparison(b);
  if (x || y) {
    if (x === null || y === null || x[1] !== y[1]) return false;
    const same = match(x[0], y[0], depth + 1) && match(x[2], y[2], depth + 1);
    return same || rearranged([x[0], x[2]], [y[0], y[2]], false) === 1;
  }

  const degrees = degreesOf(a) ?? degreesOf(b), radians = radiansOf(a) ?? radiansOf(b);
  if (degrees !== null && radians !== null) return equalValues(`(${degrees})°`, radians);

  const bareA = withoutUnit(a), bareB = withoutUnit(b);
  if (bareA !== a || bareB !== b) {
    // As for plain numbers: a unit on one side only is decoration.
    const both = bareA !== a && bareB !== b &&
      textKey(a.slice(bareA.length)) !== textKey(b.slice(bareB.length));
    return !both && match(bareA, bareB, depth + 1);
  }

  // Two texts with letters only are words: nothing to compute.
  if (!/[\\^_\d+*/|πθ!-]|\p{Script=Greek}/u.test(a + b) || !isMathematical(a) || !isMathematical(b)) {
    return false;
  }
  return expressionsMatch(m ? written10(a, m) : a, n ? written10(b, n) : b, n !== null);
}

/** `1e-20` as the parser of expressions reads it, for which e is a number. */
const written10 = (text: string, { numerator, denominator }: ParsedNumber) =>
  /\de/i.test(text) ? `${numerator}/${denominator}` : text;

/** Options, clock times, dates and ratios: `null` where neither side is one, or both may be something else. */
function specialMatch(a: string, b: string, depth: number): boolean | null {
  const choice = choiceOf(a), other = choiceOf(b), choices = choicesOf(a), others = choicesOf(b);
  // "A or B" does not say which.
  if (choices && others) return choices.join() === others.join() && / or /i.test(a) === / or /i.test(b);
  if ((choices && other?.text === "") || (others && choice?.text === "")) return false;
  if (choice && other && (choice.text === "") !== (other.text === "")) return choice.letter === other.letter;
  if (choice && other && choice.letter === other.letter && choice.text === "") return true;
  if ((choices ?? others)?.join("") === (choices ? b : a)) return true; // A and C, AC
  if ((choice?.text || other?.text) && !(choice?.text && other?.text)) {
    // The option's own text says it too: "24" where the reference is "(B) 24".
    if (match(choice?.text || a, other?.text || b, depth + 1)) return true;
  }
  const time = timeOf(a), otherTime = timeOf(b);
  if (time !== null && otherTime !== null) return time === otherTime;
  const date = dateOf(a), otherDate = dateOf(b);
  if (date !== null && otherDate !== null) return date === otherDate;
  if (date !== null && /^\d/.test(a) || otherDate !== null && /^\d/.test(b)) return false; // no subtraction
  const ratio = ratioOf(a), otherRatio = ratioOf(b);
  return ratio && otherRatio ? sameRatio(ratio, otherRatio) : null;
}

/** A text that is a number only where the other side is one: `5k`, and `0,75` where the decimal point is a comma. */
function rewritten(text: string, other: ParsedNumber): ParsedNumber | null {
  const thousands = /^([+-]?\d+(?:\.\d+)?)([kKM])$/.exec(text);
  if (thousands) return parseNumber(`${thousands[1]} ${thousands[2] === "M" ? "million" : "thousand"}`);
  const comma = /^([^\d,]{0,4}\d+),(\d{1,2}|\d{4,9})((?: ?[^\d, ][^\d,]{0,20})?)$/.exec(text);
  return comma && other.decimals !== null ? parseNumber(`${comma[1]}.${comma[2]}${comma[3]}`) : null;
}

/**
 * Whether one equation or inequality is the other rearranged: the sign of the constant between them, 0 where there is none; `null` where
 * that cannot be told. `2x = 10` is not `x = 5`: there the work is left undone. Equations may also differ by a denominator.
 */
function rearranged(
  a: [string, string],
  b: [string, string],
  equations: boolean,
): 1 | 0 | -1 | null {
  const first = difference(a), second = difference(b);
  if (!first?.hasLetters || !second?.hasLetters) return null;
  const solved = [isSolved(a), isSolved(b)];
  if (solved[0] && solved[1]) return null;
  if (solved[0] !== solved[1]) return 0;
  const ratio = constantRatio(first, second);
  if (ratio !== null || !equations) return ratio ?? 0;
  return constantRatio(new Evaluated(cleared(first.node)), new Evaluated(cleared(second.node))) ?? 0;
}

const expression = remembered((text: string) => isMathematical(text) ? Evaluated.read(text) : null);
const difference = ([left, right]: [string, string]) =>
  expression(left) && expression(right) && expression(`(${left})-(${right})`);

function isSolved([left, right]: [string, string]): boolean {
  const constant = (text: string) => !(expression(text)?.hasLetters ?? true);
  const letter = (text: string) => expression(text)?.node.kind === "letter";
  return (letter(left) && constant(right)) || (letter(right) && constant(left));
}

const degreesOf = (text: string) => /^(.{1,80}?) ?(?:°|degrees?|deg)$/i.exec(text)?.[1] ?? null;
const radiansOf = (text: string) => /^(.{1,80}?) ?(?:radians?|rad)$/i.exec(text)?.[1] ?? null;

/** `5 S` and `5 s` are siemens and seconds. */
const oneLetterUnit = /^[+-]?[\d.,]+ [a-zA-Z]$/;

const equalValues = (a: string, b: string) =>
  isMathematical(a) && isMathematical(b) && expressionsMatch(a, b, false);

/** Text without case, articles, quotes and the spaces that mean nothing; spaces between words stay. */
function textKey(text: string): string {
  // Λ is not λ; words in Greek are words.
  return text.replace(/\p{Script=Greek}{2,}|\P{Script=Greek}+/gu, (part) => part.toLowerCase())
    .replace(/^(["'])(.*)\1$/, "$2").replace(/^[" ]+|[" ]+$/g, "")
    .replace(/ ?([^\p{L}\p{N} ]) ?/gu, "$1")
    .replace(/([_^])\{(\w)\}/g, "$1$2")
    .replace(/_\{(\w+)\}/g, "_$1")
    .replace(/^(?:the|a|an) (?=\p{L}{2})/u, "")
    .replace(/^[\s.,;:!?'"]+$/, "")
    .replace(/^\\\{\\\}$|^\{\}$|^no solutions?$|^empty set$/, "∅");
}

/** Letters come as variables, or as the names that the parser knows: a longer run is a word. */
const isMathematical = (text: string) =>
  !/\p{L}{4}/u.test(text.replace(/\\[a-zA-Z]+|arcsin|arccos|arctan|sqrt|sinh|cosh|tanh/g, " "));

const isName = (text: string) =>
  /^(?:\\?[a-zA-Z]+)(?:_\{?\w{1,10}\}?)?'?(?:\([a-zA-Z, ]{1,20}\))?$/.test(text.trim());

const pairs: Record<string, string> = { "(": ")", "[": "]", "{": "}", "\\{": "\\}" };

/** Visits the text once; calls back with each token and the bracket depth before it. */
function scan(text: string, visit: (token: string, at: number, depth: number) => void): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    let token = text[i];
    if (token === "\\" && (text[i + 1] === "{" || text[i + 1] === "}" || text[i + 1] === "\\")) {
      token += text[i + 1];
    }
    const closes = token === ")" || token === "]" || token === "}" || token === "\\}";
    if (closes) depth--;
    if (depth < 0) return false;
    visit(token, i, depth);
    if (token in pairs) depth++;
    i += token.length - 1;
  }
  return depth === 0;
}

/** The brackets that hold the whole text and what is inside, when the first opens with the last. */
function enclosed(text: string): { open: string; close: string; inside: string } | null {
  const open = text.startsWith("\\{") ? "\\{" : text[0];
  if (!(open in pairs)) return null;
  let end = -1;
  let last = "";
  const balanced = scan(text, (token, at, depth) => {
    if (depth === 0 && end < 0 && /^\\?[)\]}]$/.test(token)) {
      end = at;
      last = token;
    }
  });
  if (!balanced || end + last.length !== text.length) return null;
  return { open, close: last, inside: text.slice(open.length, end).trim() };
}

/** (5), {5}, [5] around one thing are nothing; {x | x > 2} says which. */
function unwrap(text: string): string {
  for (let i = 0; i < 20; i++) {
    const held = enclosed(text);
    if (
      !held || pairs[held.open] !== held.close || held.inside === "" ||
      split(held.inside, isComma).length > 1 || /^\p{L}(?: ?∈[^|:]{1,20})? ?[|:]/u.test(held.inside)
    ) break;
    text = held.inside;
  }
  return text;
}

/** `18 (eighteen)` says 18 twice. */
function withoutGloss(text: string): string {
  const said = /^([^()]{1,60}) \(([^()]{1,60})\)$/.exec(text), first = said && number(said[1]);
  const again = first && number(said[2]);
  return first && again && numbersMatch(first, again) ? said[1] : text;
}

const isComma = (token: string) => token === "," || token === ";";

function split(text: string, separates: (token: string) => boolean): string[] {
  const cuts: number[] = [];
  const balanced = scan(text, (token, at, depth) => {
    if (depth === 0 && separates(token)) cuts.push(at);
  });
  if (!balanced) return [text];
  const items: string[] = [];
  let from = 0;
  for (const at of [...cuts, text.length]) {
    items.push(text.slice(from, at).trim());
    from = at + 1;
  }
  return items;
}

interface Collection {
  /** How the items compare: `set` and `bare` without order, `ordered` with it. */
  kind: "set" | "bare" | "ordered";
  /** Brackets that must agree, such as `(]` for an interval; empty for a bare list or a vector. */
  brackets: string;
  items: string[];
}

function collection(text: string): Collection | null {
  const matrix = /^\\begin ?\{([pbvV]?matrix|array)\}(.*)\\end ?\{\1\}$/.exec(text);
  if (matrix) {
    const rows = matrix[2].split("\\\\").map((row) => row.trim()).filter((row) => row !== "");
    const cells = rows.map((row) => row.split("&").map((cell) => cell.trim()));
    const shape = cells.length > 1 && cells[0].length > 1 ? cells.map((row) => row.length).join() : "";
    return { kind: "ordered", brackets: shape === "" ? "()" : `matrix ${shape}`, items: cells.flat() };
  }
  const union = text.split("∪");
  if (union.length > 1) return { kind: "set", brackets: "∪", items: union.map((part) => part.trim()) };

  const held = enclosed(text);
  if (held) {
    const items = split(held.inside, isComma);
    if (items.length < 2) return null;
    const set = held.open === "{" || held.open === "\\{";
    return { kind: set ? "set" : "ordered", brackets: set ? "{}" : held.open + held.close, items };
  }
  const interval = /^([(\[])([^()\[\]]*)([)\]])$/.exec(text);
  if (interval) {
    const items = split(interval[2], isComma);
    return items.length < 2 ? null : { kind: "ordered", brackets: interval[1] + interval[3], items };
  }
  let items = split(text, isComma).flatMap((item) => conjunction(item.replace(/^(?:and|or) /i, "")));
  items = items.flatMap(plusMinus);
  return items.length < 2 || items.includes("") ? null : { kind: "bare", brackets: "", items };
}

/** `1 and 2` and `x=1 or x=2` are lists; `salt and pepper` is text. */
function conjunction(text: string): string[] {
  const parts = text.split(/ (?:and|or) /i);
  return parts.length > 1 && parts.every((part) => /[\d\\]/.test(part) || parseNumber(part)) ? parts : [text];
}

/** `a \pm b` is two answers. */
function plusMinus(text: string): string[] {
  const parts = text.split("±");
  return parts.length === 2
    ? [`${parts[0]}+${parts[1]}`, `${parts[0]}-${parts[1]}`].map(withoutPlus)
    : [text];
}

const withoutPlus = (text: string) => text.replace(/^(x ?= ?)?\+ ?/, "$1").replace(/\s+/g, " ").trim();

function collectionsMatch(a: Collection, b: Collection, depth: number): boolean {
  if (a.items.length !== b.items.length || a.items.length > 64) return false;
  if (a.brackets !== b.brackets && a.brackets !== "" && b.brackets !== "") return false;
  if (a.kind === "ordered" || b.kind === "ordered") {
    if (a.brackets !== b.brackets && (a.brackets || b.brackets) !== "()") return false;
    return a.items.every((item, i) => match(item, b.items[i], depth + 1));
  }
  const left = [...b.items];
  return a.items.every((item) => {
    const at = left.findIndex((other) => match(item, other, depth + 1));
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}

/** Both sides of one inequality, the smaller first. */
function comparison(text: string): [string, "<" | "≤", string] | null {
  const parts = text.split(/(≤|≥|<=?|>=?)/);
  if (parts.length !== 3 || parts[0].trim() === "" || parts[2].trim() === "") return null;
  const [left, sign, right] = parts.map((part) => part.trim());
  const strict = sign === "<" || sign === ">" ? "<" : "≤";
  return sign[0] === "<" || sign === "≤" ? [left, strict, right] : [right, strict, left];
}

/** Both sides of the one `=` or `∈` at the top level. */
function sides(text: string): [string, string] | null {
  const parts = split(text.replaceAll("∈", "="), (token) => token === "=");
  return parts.length === 2 && parts[0] !== "" && parts[1] !== "" ? [parts[0], parts[1]] : null;
}

const collectionOf = remembered(collection), sidesOf = remembered(sides);
