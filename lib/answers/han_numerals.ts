/** Digits by their value; the last of each row are those of cheques. */
const digits = new Map(
  ["〇零", "一壹", "二两兩贰貳", "三叁參", "四肆", "五伍", "六陆陸", "七柒", "八捌", "九玖"].flatMap((
    row,
    value,
  ) => [...row].map((digit) => [digit, BigInt(value)] as const)),
);
const small = new Map([..."十拾百佰千仟"].map((sign, i) => [sign, 10n ** BigInt(1 + (i >> 1))]));
const large = new Map([["万", 10_000n], ["萬", 10_000n], ["亿", 100_000_000n], ["億", 100_000_000n]]);

/** A row of digits, as a year is read: `二〇二四`. */
function positional(text: string): string | null {
  const values = [...text].map((sign) => digits.get(sign));
  return values.length > 0 && values.every((value) => value !== undefined) ? values.join("") : null;
}

/** Below ten thousand: `二千零二十四`. `一百五` is 150 to some and 105 to others, so it is none. */
function section(text: string): bigint | null {
  let total = 0n, digit: bigint | null = null, last = 10_000n, zero = false;
  for (const sign of text) {
    const value = digits.get(sign), power = small.get(sign);
    if (value !== undefined) {
      if (digit !== null || (value === 0n && zero)) return null;
      if (value === 0n) zero = true;
      else digit = value;
    } else {
      if (power === undefined || power >= last || (digit === null && total > 0n)) return null;
      if (power * 10n !== last && last !== 10_000n && !zero) return null;
      total += (digit ?? 1n) * power;
      [digit, last, zero] = [null, power, false];
    }
  }
  if (digit === null) return total === 0n || zero ? null : total;
  return last === 10n || last === 10_000n || zero ? total + digit : null;
}

function whole(text: string): bigint | null {
  const row = text.length > 1 || digits.has(text) ? positional(text) : null;
  if (row !== null) return BigInt(row);
  let total = 0n, rest = text, last = 10n ** 12n;
  for (const pattern of [/^(.*?)[亿億](.*)$/, /^(.*?)[万萬](.*)$/]) {
    const match = pattern.exec(rest);
    if (!match) continue;
    const factor = large.get(rest[match[1].length])!, count = match[1] === "" ? 1n : section(match[1]);
    if (count === null || factor >= last || (match[1] === "" && (total > 0n || match[2] !== ""))) return null;
    total += count * factor;
    [rest, last] = [match[2], factor];
  }
  if (rest === "") return total > 0n ? total : null;
  // 三万五 is 35,000 to some: after 万 comes a full section or 零.
  if (total > 0n && !/^[〇零]|[千仟]/.test(rest)) return null;
  const end = section(rest);
  return end === null ? null : total + end;
}

/** Words that count things, as `十八个` is 18 of them. */
const measures = /(?:个|個|名|人|元|块|塊|天|年|岁|歲|只|隻|本|条|條|张|張|次|米|斤|度|件|枚|円|歳|つ)$/;

/**
 * The number that Han numerals spell, as a fraction `[numerator, denominator]`, or `null`: `十八`, `二千零二十四`, `三万五千`, `二〇二四`,
 * `壹拾捌`, `负三`, `三点五`, `三分之一`.
 *
 * @example
 * ```ts
 * import { hanNumeral } from "./han_numerals.ts";
 * hanNumeral("十八"); // [18n, 1n]
 * ```
 */
export function hanNumeral(text: string): [bigint, bigint] | null {
  if (text.length > 30 || !/^\p{Script=Han}+つ?$/u.test(text)) return null;
  const negative = /^[负負]/.test(text), bare = text.replace(/^[负負]/, "");
  const sign = negative ? -1n : 1n;
  const part = /^(.+)分之(.+)$/.exec(bare);
  if (part) {
    const below = whole(part[1]), above = whole(part[2]);
    return below && above !== null ? [sign * above, below] : null;
  }
  const value = readDecimal(bare) ?? (measures.test(bare) ? readDecimal(bare.replace(measures, "")) : null);
  return value && [sign * value[0], value[1]];
}

function readDecimal(text: string): [bigint, bigint] | null {
  const [before, after, ...more] = text.split(/[点點]/), value = whole(before);
  if (value === null || more.length > 0) return null;
  if (after === undefined) return [value, 1n];
  const decimals = positional(after);
  if (decimals === null) return null;
  const scale = 10n ** BigInt(decimals.length);
  return [value * scale + BigInt(decimals), scale];
}
