import { cleanAnswer } from "../answers/answers_clean.ts";
import { parseNumber } from "../answers/parse_number.ts";

/**
 * A number that a data set spells in some way (`1,080`, `51.0`, `12 (apples)`, `১৮`) as the shortest decimal text, exactly; a fraction without one as
 * `1/3`. `null` when the text is no number.
 *
 * @example
 * ```ts
 * import { plainNumber } from "./plain_number.ts";
 * plainNumber("1,080.0"); // "1080"
 * ```
 */
export function plainNumber(text: string): string | null {
  const number = parseNumber(cleanAnswer(text)) ??
    parseNumber(cleanAnswer(text.replace(/\s*\([^()]*\)\s*$/, "")));
  if (!number) return null;
  let { numerator, denominator } = number;
  for (let a = numerator < 0n ? -numerator : numerator, b = denominator;;) {
    if (b === 0n) {
      if (a > 1n) [numerator, denominator] = [numerator / a, denominator / a];
      break;
    }
    [a, b] = [b, a % b];
  }
  let decimals = 0, rest = denominator;
  for (const prime of [2n, 5n]) {
    let count = 0;
    while (rest % prime === 0n) [rest, count] = [rest / prime, count + 1];
    decimals = Math.max(decimals, count);
  }
  if (rest !== 1n) return `${numerator}/${denominator}`;
  const scaled = numerator * 10n ** BigInt(decimals) / denominator, sign = scaled < 0n ? "-" : "";
  const digits = String(scaled < 0n ? -scaled : scaled).padStart(decimals + 1, "0"),
    cut = digits.length - decimals;
  return sign + digits.slice(0, cut) + (decimals ? `.${digits.slice(cut)}` : "");
}
