import { hanNumeral } from "./han_numerals.ts";
import { magnitudes, parseNumberWords } from "./number_words.ts";
import { commonScale, currencies, readUnit, scales } from "./read_unit.ts";

/** A number as an answer spells it: an exact fraction, and what is written around it. */
export interface ParsedNumber {
  numerator: bigint;
  /** Positive. */
  denominator: bigint;
  /** Canonical unit (`km`, `$`, `apple`), or `null`. */
  unit: string | null;
  /** Written with a percent sign or word; `numerator/denominator` is the number before it. */
  percent: boolean;
  /** Digits after the decimal point where the number is a decimal, else `null`. */
  decimals: number | null;
}

const maxDigits = 400;
const integer =
  /\d{1,3}(?:,\d{3})+(?![,\d])|\d{1,2}(?:,\d{2})+,\d{3}(?![,\d])|\d{1,3}(?:[ ']\d{3})+(?!\d)|\d+/y;
/** 1.234,56 and 1.234.567; 1.234 is a decimal. */
const european = /\d{1,3}(?:\.\d{3})+,\d+(?![.,\d])|\d{1,3}(?:\.\d{3}){2,}(?![.,\d])/y;
const exponent = /e([+-]?\d{1,4})(?![\p{L}\d])| ?[*xX] ?10 ?\^ ?(?:\{ ?([+-]?\d{1,4}) ?\}|([+-]?\d{1,4}))/yui;
const sign = /[+-] ?/y;
const currencyBefore = /(?:us\$|r\$|[ac]\$|hk\$|nz\$|chf|usd|eur|gbp|inr|rs\.?|tk\.?|[$€£¥₹৳₩]) ?/yi;

type Fraction = { n: bigint; d: bigint; decimals: number | null; whole: boolean };

/** Reads a numeral from a position; `at` moves behind it. */
class Reader {
  at = 0;
  constructor(readonly text: string) {}

  match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match) this.at += match[0].length;
    return match;
  }

  skip(part: string): boolean {
    if (!this.text.startsWith(part, this.at)) return false;
    this.at += part.length;
    return true;
  }

  sign(): bigint {
    return this.match(sign)?.[0][0] === "-" ? -1n : 1n;
  }

  decimal(): Fraction | null {
    const start = this.at, continental = this.match(european);
    if (continental) {
      const [whole, part = ""] = continental[0].replaceAll(".", "").split(",");
      if (whole.length + part.length > maxDigits) return null;
      return {
        n: BigInt(whole + part),
        d: 10n ** BigInt(part.length),
        decimals: part.length,
        whole: part === "",
      };
    }
    const digits = (this.match(integer)?.[0] ?? "").replace(/[, ']/g, "");
    let decimals: number | null = null, fraction = "", repeating = "";
    if (this.text[this.at] === ".") {
      const more = this.match(/\.\d*/y)![0].slice(1);
      repeating = this.match(/\\overline ?\{(\d{1,20})\}/y)?.[1] ?? "";
      fraction = more;
      decimals = repeating === "" ? fraction.length : null;
    }
    if (digits === "" && fraction === "" && repeating === "") {
      this.at = start;
      return null;
    }
    if (digits.length + fraction.length > maxDigits) return null;
    let d = 10n ** BigInt(fraction.length);
    let n = BigInt(digits + fraction || "0");
    if (repeating !== "") {
      const nines = 10n ** BigInt(repeating.length) - 1n;
      n = n * nines + BigInt(repeating);
      d *= nines;
    }
    const scientific = this.match(exponent);
    if (scientific) {
      const power = Number(scientific[1] ?? scientific[2] ?? scientific[3]);
      if (Math.abs(power) > maxDigits) return null;
      if (power >= 0) n *= 10n ** BigInt(power);
      else d *= 10n ** BigInt(-power);
      decimals = null;
    }
    return { n, d, decimals, whole: d === 1n };
  }

  /** `\frac{a}{b}`, `\frac ab` with numerals inside. */
  frac(): Fraction | null {
    const start = this.at;
    if (!this.skip("\\frac")) return null;
    const sides: Fraction[] = [];
    for (let side = 0; side < 2; side++) {
      this.skip(" ");
      if (this.skip("{")) {
        this.skip(" ");
        const s = this.sign(), value = this.decimal();
        this.skip(" ");
        if (!value || !this.skip("}")) return this.back(start);
        sides.push({ ...value, n: s * value.n });
      } else {
        const digit = this.match(/\d/y);
        if (!digit) return this.back(start);
        sides.push({ n: BigInt(digit[0]), d: 1n, decimals: null, whole: true });
      }
    }
    return divide(sides[0], sides[1]) ?? this.back(start);
  }

  back(to: number): null {
    this.at = to;
    return null;
  }

  /** A decimal, a fraction or a mixed number, without a sign. */
  numeral(): Fraction | null {
    const frac = this.frac();
    if (frac) return frac;
    const first = this.decimal();
    if (!first) return null;
    const start = this.at;
    if (first.whole) {
      // Mixed: 1 3/4, 1 and 3/4, 1\frac{3}{4}.
      this.match(/ ?(?:and |& )?/y);
      const before = this.at;
      let part = this.frac();
      if (!part && before > start) {
        const numerator = this.match(/(\d{1,9}) ?\/ ?(\d{1,9})(?![\d.,/])/y);
        if (numerator) part = divide(natural(numerator[1]), natural(numerator[2]));
      }
      if (part && part.n >= 0n && part.n < part.d) {
        return { n: first.n * part.d + part.n, d: part.d, decimals: null, whole: false };
      }
      this.at = start;
    }
    if (this.match(/(?: ?\/ ?| over )(?=[\d.])/y)) {
      const second = this.decimal();
      return second && this.text[this.at] !== "/" ? divide(first, second) : null;
    }
    return first;
  }
}

const natural = (digits: string): Fraction => ({ n: BigInt(digits), d: 1n, decimals: null, whole: true });

function divide(a: Fraction, b: Fraction): Fraction | null {
  let n = a.n * b.d, d = a.d * b.n;
  if (d === 0n) return null;
  if (d < 0n) [n, d] = [-n, -d];
  return { n, d, decimals: null, whole: false };
}

/**
 * Reads one number that is the whole of a text, or `null` when the text is anything else: signs, thousands separators
 * (western `1,234,567`, Indian `12,34,567`, spaces, apostrophes), currency, units, percent, fractions, mixed numbers,
 * scientific notation, LaTeX fractions and English words. The value is exact. Expects `cleanAnswer`'s spelling.
 *
 * @example
 * ```ts
 * import { parseNumber } from "./parse_number.ts";
 * parseNumber("$1,234.50")?.numerator; // 123450n, over 100n
 * parseNumber("18 and 19"); // null
 * ```
 */
export function parseNumber(text: string): ParsedNumber | null {
  if (text.length === 0 || text.length > 2 * maxDigits) return null;
  const first = text[0];
  if (!(first >= "0" && first <= "9") && !/\d/.test(text)) return parseWords(text);

  const height = /^(\d{1,2})' ?(\d{1,2})(?:"|'')$/.exec(text);
  if (height) return parseCompound(`${height[1]} ft ${height[2]} in`);
  const reader = new Reader(text);
  reader.match(/(?:about|approximately|approx\.?|roughly|around|~) ?/yi);
  let s = reader.sign();
  if (reader.match(/(?:minus|negative) /yi)) s = -s;
  let unit: string | null = null;
  const currency = reader.match(currencyBefore);
  if (currency) {
    unit = currencies[currency[0].trim().toLowerCase().replace(".", "")];
    if (s === 1n) s = reader.sign();
  }
  const continental = /^(\d{1,3}(?:[. ']\d{3})*|\d+),(\d{1,2}|(?<=^0,)\d{1,12})(?= ?[%€£$₹৳₺₽]| ?\p{L}|$)/iu
    .exec(
      text.slice(reader.at),
    );
  // 18,50 € and 0,75: a list has a space after its comma, and no list begins with 0 and goes on so.
  const comma = continental &&
    (reader.at + continental[0].length < text.length || continental[1] === "0" || continental[2] === "00" ||
      /[ ']/.test(continental[1]));
  if (comma) {
    return parseNumber(
      text.slice(0, reader.at) + continental[1].replace(/[. ']/g, "") + "." +
        text.slice(reader.at + continental[1].length + 1),
    );
  }
  const value = reader.numeral();
  if (!value) return null;
  let { n, d } = value;

  let rest = text.slice(reader.at), percent = false;
  const word = /^ ([a-z]+)(?= |$)/i.exec(rest);
  const magnitude = word && magnitudeOf(word[1].toLowerCase().replace(/s$/, ""));
  if (magnitude) {
    n *= magnitude;
    rest = rest.slice(word[0].length);
  }
  const short = unit !== null && /^ ?(k|m|mn|b|bn)(?![\p{L}\d])/iu.exec(rest);
  if (short) {
    n *= short[1][0].toLowerCase() === "k"
      ? 1000n
      : short[1][0].toLowerCase() === "m"
      ? 1_000_000n
      : 1_000_000_000n;
    rest = rest.slice(short[0].length);
  }
  const percentage = /^ ?(?:%|percent|per cent|pct)(?= |$)/i.exec(rest);
  if (percentage) {
    percent = true;
    rest = rest.slice(percentage[0].length);
  }
  if (rest.trim() !== "") {
    const found = readUnit(rest.trim(), rest[0] !== " ");
    if (found === undefined) return parseCompound(text);
    unit = unit === null || unit === found ? found : `${unit} ${found}`;
  }
  return {
    numerator: s * n,
    denominator: d,
    unit,
    percent,
    decimals: magnitude || short ? null : value.decimals,
  };
}

const magnitudeOf = (word: string) => word === "dozen" ? 12n : magnitudes.get(word);

/** `18 dollars and 50 cents`, `2 hours 30 minutes`: quantities of one dimension, the larger unit first. */
function parseCompound(text: string): ParsedNumber | null {
  const join = /[a-z°],? (?:and )?(?=\d)/i.exec(text);
  if (!join) return null;
  const first = parseNumber(text.slice(0, join.index + 1)),
    second = parseNumber(text.slice(join.index + join[0].length));
  const larger = first?.unit && scales[first.unit], smaller = second?.unit && scales[second.unit];
  if (
    !larger || !smaller || larger[0] !== smaller[0] || second.numerator < 0n || first.percent ||
    second.percent
  ) return null;
  const ratio: [bigint, bigint] = [smaller[1] * larger[2], smaller[2] * larger[1]];
  if (ratio[0] >= ratio[1]) return null;
  const d = first.denominator * second.denominator * ratio[1];
  const rest = second.numerator * ratio[0] * first.denominator;
  const n = first.numerator * second.denominator * ratio[1] + (first.numerator < 0n ? -rest : rest);
  return { ...first, numerator: n, denominator: d, decimals: null };
}

function parseWords(text: string): ParsedNumber | null {
  const han = hanNumeral(text);
  if (han) return { numerator: han[0], denominator: han[1], unit: null, percent: false, decimals: null };
  if (text.length > 160 || !/^[a-z -]+$/i.test(text)) return null;
  const words = text.toLowerCase().split(" ");
  // The longest spelling of a number, then an optional unit.
  for (let end = words.length; end > 0; end--) {
    const value = parseNumberWords(words.slice(0, end).join(" "));
    if (!value) continue;
    const rest = words.slice(end);
    const percent = rest[0] === "percent" || rest[0] === "pct";
    if (percent) rest.shift();
    const unit = rest.length === 0 ? null : readUnit(rest.join(" "), false);
    if (unit === undefined) return null;
    return { numerator: value[0], denominator: value[1], unit, percent, decimals: null };
  }
  return null;
}

/**
 * Whether two parsed numbers are the same number. Fractions compare exactly. A unit or percent sign on one side only is
 * decoration (`18 apples` is 18, `50%` is 50, and also 0.5); different units differ unless one converts to the
 * other (`5 km` is `5000 m`). A decimal of at least three places matches the fraction that rounds to it.
 */
export function numbersMatch(a: ParsedNumber, b: ParsedNumber): boolean {
  const scale = commonScale(a.unit, b.unit);
  if (!scale) return false;
  const left = a.numerator * scale[0] * b.denominator, right = b.numerator * scale[1] * a.denominator;
  if (left === right) return true;
  if (a.percent !== b.percent) {
    const written = a.percent ? left : right, plain = a.percent ? right : left;
    if (written === 100n * plain) return true;
  }
  if (a.unit !== b.unit && a.unit !== null && b.unit !== null) return false;
  return roundsTo(a, b) || roundsTo(b, a);
}

/** 0.333 is one third to its last place; 0.33 and 18.0 are what they say. */
function roundsTo(decimal: ParsedNumber, fraction: ParsedNumber): boolean {
  if (decimal.decimals === null || decimal.decimals < 3 || fraction.decimals !== null) return false;
  let rest = fraction.denominator;
  while (rest % 2n === 0n) rest /= 2n;
  while (rest % 5n === 0n) rest /= 5n;
  if (rest === 1n) return false; // terminates: it can be written exactly
  const scale = 10n ** BigInt(decimal.decimals);
  const error = decimal.numerator * fraction.denominator - fraction.numerator * decimal.denominator;
  return 2n * (error < 0n ? -error : error) * scale <= decimal.denominator * fraction.denominator;
}
