import { Evaluated } from "./evaluated.ts";
import { realNumber } from "./evaluate_expression.ts";
import { add, divide, negate, power, sameValue, signOf, type Value, whole } from "./value.ts";

/** An end of an interval; `null` is infinite. */
interface End {
  value: Value | null;
  closed: boolean;
}
type Piece = [low: End, high: End];

/** A set of real numbers in pieces, in order. */
export interface RealSet {
  pieces: Piece[];
  /** The letter that it restricts, as in `x < 3`; `null` where the set stands by itself. */
  letter: string | null;
  /** It can be nothing else: `(1, 2)` alone may be a point. */
  explicit: boolean;
}

const position = (end: End, infinite: number): number =>
  end.value === null ? infinite : realNumber(end.value)!;
const everything: Piece = [{ value: null, closed: false }, { value: null, closed: false }];

function constant(text: string): Value | null {
  const read = Evaluated.read(text);
  if (!read || read.hasLetters || realNumber(read.at(0)) === null) return null;
  return read.at(0);
}

function end(text: string, closed: boolean, sign: "-" | "+"): End | null {
  const bare = text.trim();
  if (/^[+-]? ?∞$/.test(bare)) {
    return (bare[0] === "-") === (sign === "-") && !closed ? { value: null, closed: false } : null;
  }
  const value = constant(bare);
  return value && { value, closed };
}

/** Sorted, and joined where they touch. */
function normal(pieces: Piece[]): Piece[] {
  const sorted = pieces.filter(([low, high]) => {
    const from = position(low, -Infinity), to = position(high, Infinity);
    return from < to || (from === to && low.closed && high.closed);
  }).sort((a, b) =>
    position(a[0], -Infinity) - position(b[0], -Infinity) || Number(b[0].closed) - Number(a[0].closed)
  );
  const joined: Piece[] = [];
  for (const piece of sorted) {
    const last = joined.at(-1);
    const gap = last ? position(piece[0], -Infinity) - position(last[1], Infinity) : 1;
    if (!last || gap > 0 || (gap === 0 && !piece[0].closed && !last[1].closed)) {
      joined.push([piece[0], piece[1]]);
    } else {
      const further = position(piece[1], Infinity) - position(last[1], Infinity);
      if (further > 0 || (further === 0 && piece[1].closed)) last[1] = piece[1];
    }
  }
  return joined;
}

const later = (a: End, b: End, infinite: number): End => {
  const x = position(a, infinite), y = position(b, infinite);
  return x === y ? (a.closed ? b : a) : x > y ? a : b;
};

function intersection(a: Piece[], b: Piece[]): Piece[] {
  return normal(a.flatMap(([low, high]) =>
    b.map(([from, to]): Piece => {
      const right = later(high, to, Infinity) === high ? to : high;
      const equal = position(high, Infinity) === position(to, Infinity);
      return [later(low, from, -Infinity), equal ? (high.closed ? to : high) : right];
    })
  ));
}

function complement(pieces: Piece[]): Piece[] {
  let rest: Piece[] = [everything];
  for (const [low, high] of pieces) {
    const sides: Piece[] = [];
    if (low.value) sides.push([everything[0], { value: low.value, closed: !low.closed }]);
    if (high.value) sides.push([{ value: high.value, closed: !high.closed }, everything[1]]);
    rest = intersection(rest, sides);
  }
  return rest;
}

const isLetter = (text: string) => /^[\p{L}](?:_\{?\w{1,3}\}?)?$/u.test(text) && !/^[eπi∞ℝ]$/.test(text);

/** `|x| < 2`, `x^2 \ge 4`, `|x - 1| < 2`, `(x + 1)^2 ≤ 9`: what lies so far from a centre, at most or at least. */
function centred(parts: string[]): RealSet | null {
  const turned = !/^\||\^ ?2$|\^\{2\}$/.test(parts[0]),
    [left, right] = turned ? [parts[2], parts[0]] : [parts[0], parts[2]];
  const found = /^(?:\|([^|]{1,40})\||\(([^()]{1,40})\) ?\^ ?(?:2|\{2\})|(\p{L}) ?\^ ?(?:2|\{2\}))$/u.exec(
    left,
  );
  const inside = /^(\p{L})(?: ?([+-]) ?([^+-]{1,30}))?$|^([^+-]{1,30}) ?- ?(\p{L})$/u.exec(
    (found?.[1] ?? found?.[2] ?? found?.[3] ?? "").trim(),
  );
  const name = inside?.[1] ?? inside?.[5],
    bound = constant(right),
    shift = constant(inside?.[3] ?? inside?.[4] ?? "0");
  if (!found || !inside || !isLetter(name!) || !bound || !shift) return null;
  const radius = found[1] === undefined ? power(bound, divide(whole(1), whole(2))) : bound;
  // without a radius the set is empty, or everything
  if (signOf(bound) !== 1 || realNumber(radius) === null) return null;
  const centre = inside[2] === "+" ? negate(shift) : shift, closed = /[=≤≥]/.test(parts[1]);
  const within = /^[<≤]/.test(parts[1]) !== turned, rim = within ? closed : !closed;
  const ball: Piece = [
    { value: add(centre, negate(radius)), closed: rim },
    { value: add(centre, radius), closed: rim },
  ];
  return { pieces: within ? [ball] : complement([ball]), letter: name!, explicit: true };
}

/** `x < 3`, `0 < x \le 5`, `7 > x > -2`, `x ≠ 0`. */
function inequality(text: string): RealSet | null {
  const parts = text.split(/(<=|>=|[<>≤≥≠])/).map((part) => part.trim());
  if (parts.length === 3 && parts[1] === "≠" && isLetter(parts[0])) {
    const value = constant(parts[2]);
    return value &&
      {
        pieces: complement([[{ value, closed: true }, { value, closed: true }]]),
        letter: parts[0],
        explicit: true,
      };
  }
  if (parts.length === 3) {
    const around = centred(parts);
    if (around) return around;
  }
  if (parts.length !== 3 && parts.length !== 5) return null;
  const upward = parts.length === 3
    ? /^[<≤]/.test(parts[1])
    : /^[<≤]/.test(parts[1]) && /^[<≤]/.test(parts[3]);
  if (parts.length === 5 && !upward && !(/^[>≥]/.test(parts[1]) && /^[>≥]/.test(parts[3]))) return null;
  const ordered = upward ? parts : [...parts].reverse(), closed = (sign: string) => /[=≤≥]/.test(sign);
  const at = parts.length === 5 ? 2 : ordered.findIndex((part, i) => i % 2 === 0 && isLetter(part));
  if (at < 0 || !isLetter(ordered[at])) return null;
  const low = at === 0 ? everything[0] : end(ordered[at - 2], closed(ordered[at - 1]), "-");
  const high = at === ordered.length - 1 ? everything[1] : end(ordered[at + 2], closed(ordered[at + 1]), "+");
  return low && high && { pieces: normal([[low, high]]), letter: ordered[at], explicit: true };
}

function simple(text: string): RealSet | null {
  if (/^(?:ℝ|(?:all )?real numbers|all reals?)$/i.test(text)) {
    return { pieces: [everything], letter: null, explicit: true };
  }
  const interval = /^([([])([^()[\],;]{1,80})[,;]([^()[\],;]{1,80})([)\]])$/.exec(text);
  if (interval) {
    const low = end(interval[2], interval[1] === "[", "-"), high = end(interval[3], interval[4] === "]", "+");
    if (!low || !high || position(low, -Infinity) >= position(high, Infinity)) return null;
    const explicit = (interval[1] === "(") !== (interval[4] === ")") || low.value === null ||
      high.value === null;
    return { pieces: [[low, high]], letter: null, explicit };
  }
  const builder = /^\\?\{ ?(.{1,80}?) ?[|:] ?(.{1,120}?) ?\\?\}$/.exec(text);
  if (builder && isLetter(builder[1].replace(/ ?∈ ?ℝ$/, ""))) {
    const inside = readRealSet(builder[2]);
    return inside && { ...inside, letter: null };
  }
  const finite = /^\\?\{([^{}\\]{1,200})\\?\}$/.exec(text);
  if (finite) {
    const values = finite[1].split(",").map((item) => constant(item.trim()));
    if (values.some((value) => value === null)) return null;
    return {
      pieces: normal(values.map((value): Piece => [{ value, closed: true }, { value, closed: true }])),
      letter: null,
      explicit: false,
    };
  }
  return inequality(text);
}

/**
 * Reads a set of real numbers: intervals, finite sets, inequalities in one letter (also of its distance or square), and what ∪, ∩, ∖, "and" and "or" make of them;
 * `null` for anything else. Ends are constants, compared exactly where they are exact.
 *
 * @example
 * ```ts
 * import { readRealSet } from "./real_set.ts";
 * readRealSet("0 < x < 12.5")?.letter; // "x"
 * ```
 */
export function readRealSet(text: string): RealSet | null {
  if (text.length > 400 || !/[<>≤≥≠∪∩∖ℝ∞([{]|real/.test(text)) return null;
  const member = /^(\p{L}) ?∈ ?(.+)$/u.exec(text);
  if (member && isLetter(member[1])) {
    const set = readRealSet(member[2]);
    return set && { ...set, letter: member[1], explicit: true };
  }
  if (/^\\?\{[^{}]+\}$/.test(text)) return simple(text);
  const parts = text.split(/ ?(∪|∩|∖|∧|∨|,? \band\b|,? ?\bor\b|(?<=[<>≤≥≠][^([{]{1,60}),) ?/);
  if (parts.length > 33) return null;
  let result: RealSet | null = simple(parts[0].trim());
  for (let i = 1; i < parts.length && result; i += 2) {
    const next: RealSet | null = simple(parts[i + 1].trim());
    if (!next || (next.letter !== null && result.letter !== null && next.letter !== result.letter)) {
      return null;
    }
    const joined = parts[i].replace(/[, ]/g, ""), both: Piece[] = intersection(result.pieces, next.pieces);
    const either: Piece[] = normal([...result.pieces, ...next.pieces]);
    const pieces: Piece[] = joined === "∖"
      ? intersection(result.pieces, complement(next.pieces))
      : "∪∨or".includes(joined) && joined !== ""
      ? either
      : joined === "" && both.length === 0
      ? either
      : both;
    result = { pieces, letter: result.letter ?? next.letter, explicit: true };
  }
  return result;
}

const sameEnd = (a: End, b: End) =>
  a.closed === b.closed &&
  (a.value === null || b.value === null ? a.value === b.value : sameValue(a.value, b.value));

/** Whether two sets hold the same numbers; an inequality in another letter is another answer. */
export function sameRealSet(a: RealSet, b: RealSet): boolean {
  if (a.letter !== null && b.letter !== null && a.letter !== b.letter) return false;
  return a.pieces.length === b.pieces.length &&
    a.pieces.every(([low, high], i) => sameEnd(low, b.pieces[i][0]) && sameEnd(high, b.pieces[i][1]));
}
