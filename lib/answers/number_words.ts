const small =
  ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen " +
    "sixteen seventeen eighteen nineteen").split(" ");
const tens = "twenty thirty forty fifty sixty seventy eighty ninety".split(" ");

const units = new Map<string, bigint>([
  ...small.map((word, value) => [word, BigInt(value)] as const),
  ...tens.map((word, value) => [word, BigInt(10 * value + 20)] as const),
]);

/** Words that multiply what stands before them. */
export const magnitudes: ReadonlyMap<string, bigint> = new Map([
  ["hundred", 100n],
  ["thousand", 1000n],
  ["lakh", 100_000n],
  ["million", 1_000_000n],
  ["crore", 10_000_000n],
  ["billion", 1_000_000_000n],
  ["trillion", 1_000_000_000_000n],
]);

const parts = new Map<string, bigint>([
  ["half", 2n],
  ["halves", 2n],
  ...("third fourth fifth sixth seventh eighth ninth tenth".split(" ").flatMap((word, i) =>
    [[word, BigInt(i + 3)], [word + "s", BigInt(i + 3)]] as [string, bigint][]
  )),
  ["quarter", 4n],
  ["quarters", 4n],
]);

/** Whether a word belongs to the spelling of a number. */
export const isNumberWord = (word: string): boolean =>
  units.has(word) || magnitudes.has(word) || parts.has(word) || word === "dozen";

/** A whole number in words, or `null`: `one hundred and five` is 105; `one two` and `eighteen and nineteen` are not numbers. */
function whole(words: string[]): bigint | null {
  // `room` is what the next word must stay below: 10 after "twenty", 100 after "hundred".
  let total = 0n, group = 0n, room = 1000n, lastMagnitude = 10n ** 30n;
  let any = false, afterAnd = false;
  for (const word of words) {
    const value = units.get(word), magnitude = magnitudes.get(word);
    if (word === "and") {
      // "and" joins only what stands below a hundred to a hundred or more.
      if (!any || afterAnd || room !== 100n) return null;
      afterAnd = true;
    } else if (value !== undefined) {
      const fits = room >= 100n || (room === 10n && value < 10n);
      if (!fits || (any && value === 0n)) return null;
      group += value;
      room = value >= 20n ? 10n : 1n;
      any = true;
      afterAnd = false;
    } else if (magnitude !== undefined) {
      if (afterAnd) return null;
      if (magnitude === 100n) {
        if (group === 0n || group >= 100n) return null;
        group *= 100n;
      } else {
        if (group === 0n || magnitude >= lastMagnitude) return null;
        total += group * magnitude;
        group = 0n;
        lastMagnitude = magnitude;
      }
      room = 100n;
      any = true;
    } else return null;
  }
  return any && !afterAnd ? total + group : null;
}

/**
 * The number that English words spell, as a fraction `[numerator, denominator]`, or `null` when they do not.
 * Reads whole numbers up to trillions, `minus`, `point`, halves to tenths, mixed numbers and dozens.
 *
 * @example
 * ```ts
 * import { parseNumberWords } from "./number_words.ts";
 * parseNumberWords("two and three quarters"); // [11n, 4n]
 * ```
 */
export function parseNumberWords(text: string): [bigint, bigint] | null {
  if (text.length > 120) return null;
  let words = text.toLowerCase().split(/[ -]/).filter((word) => word !== "");
  let sign = 1n;
  if (words[0] === "minus" || words[0] === "negative") {
    sign = -1n;
    words = words.slice(1);
  }
  if (words.length === 0) return null;
  if (words[0] === "a" || words[0] === "an") {
    if (words.length === 1 || !isNumberWord(words[1])) return null;
    words = ["one", ...words.slice(1)];
  }

  if (/^half (?:a )?dozen$/.test(words.join(" "))) return [sign * 6n, 1n];
  if (words.at(-1) === "dozen") {
    const count = words.length === 1 ? 1n : whole(words.slice(0, -1));
    return count === null ? null : [sign * 12n * count, 1n];
  }
  const point = words.indexOf("point");
  if (point > 0) {
    const before = whole(words.slice(0, point));
    const digits = words.slice(point + 1).map((word) => small.indexOf(word));
    if (before === null || digits.length === 0 || digits.some((digit) => digit < 0 || digit > 9)) return null;
    const scale = 10n ** BigInt(digits.length);
    return [sign * (before * scale + BigInt(digits.join(""))), scale];
  }
  const denominator = parts.get(words.at(-1)!);
  if (denominator !== undefined) {
    let head = words.slice(0, -1), integer = 0n;
    const and = head.lastIndexOf("and");
    if (and >= 0) {
      const before = whole(head.slice(0, and));
      if (before === null) return null;
      integer = before;
      head = head.slice(and + 1);
    }
    const article = head.length === 1 && (head[0] === "a" || head[0] === "an");
    // "half" says 1/2 by itself; "third" by itself is a place in a row.
    if (article || (head.length === 0 && (integer > 0n || /^(?:half|quarter)$/.test(words.at(-1)!)))) {
      head = ["one"];
    }
    const numerator = whole(head);
    return numerator === null ? null : [sign * (integer * denominator + numerator), denominator];
  }
  const value = whole(words);
  return value === null ? null : [sign * value, 1n];
}
