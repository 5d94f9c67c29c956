const months = "january february march april may june july august september october november december".split(
  " ",
);

/**
 * A date as `2023-05-05`, or `null`: `5 May 2023`, `May 5th, 2023`, `2023-05-05`, with or without its weekday.
 *
 * @example
 * ```ts
 * import { calendarDate } from "./calendar_date.ts";
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
