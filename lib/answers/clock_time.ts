import { parseNumberWords } from "./number_words.ts";

/**
 * The minute of the day that a clock shows, or `null`: `3:30 PM`, `3.30 p.m.`, `15:30`, `3 pm`, `noon`, `half past three`, `3 o'clock`. Minutes
 * have two digits, so that the ratio `3:4` is none; without am or pm the day has 24 hours.
 *
 * @example
 * ```ts
 * import { clockTime } from "./clock_time.ts";
 * clockTime("3:30 p.m."); // 930
 * ```
 */
export function clockTime(text: string): number | null {
  if (/^(?:12 )?noon$/i.test(text)) return 720;
  if (/^(?:12 )?midnight$/i.test(text)) return 0;
  const military = /^([01]\d|2[0-3])([0-5]\d) ?(?:hours|hrs)$/i.exec(text);
  if (military) return 60 * Number(military[1]) + Number(military[2]);
  const said = inWords(text);
  if (said !== null) return said;
  const match = /^(\d{1,2})(?:([:.])(\d{2}))?(?::(\d{2}))? ?(?:([ap])\.? ?m\.?|(?:hours|hrs|h))?$/i.exec(
    text,
  );
  if (!match) return null;
  const [, hours, sign, minutes = "0", seconds = "0", half] = match;
  if ((sign !== ":" && !half) || Number(minutes) > 59 || Number(seconds) > 59) return null;
  const hour = Number(hours);
  if (half ? hour < 1 || hour > 12 : hour > 23) return null;
  const shown = half ? hour % 12 + (half.toLowerCase() === "p" ? 12 : 0) : hour;
  return shown * 60 + Number(minutes) + Number(seconds) / 60;
}

/** A whole number in words or digits, from 0 to `top`. */
function upTo(top: number, text: string): number | null {
  const [n, d] = /^\d{1,2}$/.test(text)
    ? [BigInt(text), 1n]
    : parseNumberWords(text.toLowerCase()) ?? [-1n, 1n];
  return d === 1n && n >= 0n && n <= BigInt(top) ? Number(n) : null;
}

/** `half past three`, `a quarter to nine pm`, `ten minutes past 4`, `three o'clock`. */
function inWords(text: string): number | null {
  const match =
    /^(?:(?:an? )?(half|quarter|[a-z\d]{1,8}(?:[ -][a-z]{1,5})?)(?: minutes?)? (past|after|to|before|till) )?([a-z\d]{1,6})(?: (o ?['’]? ?clock))?(?: ?([ap])\.? ?m\.?)?$/i
      .exec(text);
  if (!match || !(match[2] || match[4])) return null;
  if (/^\d+ to \d+$/i.test(text)) return null; // a ratio
  const [, part, direction = "past", named, , half] = match, past = /^(?:past|after)$/i.test(direction);
  const minutes = part === undefined ? 0 : { half: 30, quarter: 15 }[part.toLowerCase()] ?? upTo(59, part);
  const hour = upTo(half ? 12 : 23, named);
  if (minutes === null || hour === null || (half && hour === 0) || (!past && minutes === 0)) return null;
  const shown = half ? hour % 12 + (half.toLowerCase() === "p" ? 12 : 0) : hour;
  return (shown * 60 + (past ? minutes : -minutes) + 1440) % 1440;
}
