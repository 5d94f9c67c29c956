/**
 * The minute of the day that a clock shows, or `null`: `3:30 PM`, `3.30 p.m.`, `15:30`, `3 pm`, `noon`. Minutes have two digits, so
 * that the ratio `3:4` is none; without am or pm the day has 24 hours.
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

const months = "january february march april may june july august september october november december".split(
  " ",
);

/**
 * A date as `2023-05-05`, or `null`: `5 May 2023`, `May 5th, 2023`, `2023-05-05`, with or without its weekday.
 *
 * @example
 * ```ts
 * import { calendarDate } from "./clock_time.ts";
 * calendarDate("May 5, 2023"); // "2023-5-5"
 * ```
 */
export function calendarDate(text: string): string | null {
  const bare = text.replace(
    /^(?:mon|tue(?:s)?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,? /i,
    "",
  );
  const iso = /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})$/.exec(bare);
  if (iso) return dated(iso[1], Number(iso[3]), iso[4]);
  const slashes = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(bare);
  if (slashes) {
    // Day and month stand either way round: only a date that can be read one way is one.
    const [, a, b, year] = slashes;
    if (Number(a) > 12 || a === b) return dated(year, Number(b), a);
    return Number(b) > 12 ? dated(year, Number(a), b) : null;
  }
  const first = /^(?:the )?(\d{1,2})(?:st|nd|rd|th)? (?:of )?([a-z]{3,9})\.?(?:,? (\d{4}))?$/i.exec(bare);
  if (first) return dated(first[3] ?? "", monthOf(first[2]), first[1]);
  const second = /^([a-z]{3,9})\.? (?:the )?(\d{1,2})(?:st|nd|rd|th)?(?:,? (\d{4}))?$/i.exec(bare);
  return second && dated(second[3] ?? "", monthOf(second[1]), second[2]);
}

const monthOf = (name: string) =>
  months.findIndex((month) =>
    month === name.toLowerCase() || month.slice(0, 3) === name.toLowerCase() ||
    name.toLowerCase() === "sept" && month === "september"
  ) + 1;

const dated = (year: string, month: number, day: string) =>
  month < 1 || month > 12 || Number(day) < 1 || Number(day) > 31 ? null : `${year}-${month}-${Number(day)}`;
