import { plainCharacters } from "./plain_characters.ts";
import { money, plainLatex } from "./plain_latex.ts";

const lead =
  /^(?:#{1,6} ?|(?:so|thus|hence|therefore),? |(?:the |my |our |final |correct |right |best )*(?:answer|option|choice)s? ?(?:is|are|'s|:|=)+:? ?|(?:(?:it|this)(?: is|'s)|we (?:get|have|find|obtain)) (?=[-+\d$\\])|(?:ans|result|solution|total) ?[:=] ?)/i;

const trail = /(?: is (?:the|my) (?:final |correct |right )*answer|(?: ?\\\\)+)$/i;

/** What is inside the last `\boxed{…}` of a text with words around it; the text itself where there is none. */
function boxed(text: string): string {
  const at = text.lastIndexOf("\\boxed{");
  if (at < 0) return text;
  let depth = 0;
  for (let i = at + 6; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === "{") depth++;
    else if (text[i] === "}" && --depth === 0) {
      const before = text.slice(0, at), after = text.slice(i + 1);
      // Only words and dressing may stand around; another box or number would be another answer.
      return /[\d\\]|\bnot\b/i.test(before.replace(/\\[([]/g, "")) || !/^[\s$.\\)\]*_`]*$/.test(after)
        ? text
        : text.slice(at + 7, i);
    }
  }
  return text;
}

/** Marks of emphasis and code around a text, also where one side's are lost. */
function withoutMarks(text: string): string {
  for (let i = 0; i < 4; i++) {
    const bare = text.replace(/^([*_"'])([^*_"']+)\1$/, "$2")
      .replace(/^(?:\*{2,}|__|`+)\s*/, "").replace(/(?:\s*(?:\*{2,}|__|`+)|(?<=\d ?)\*)\.?$/, "")
      .replace(/^<(answer|final_answer|b|strong|i|em|u|code|p|span)>\s*([^<]*?)\s*<\/\1>$/i, "$2").trim();
    if (bare === text) break;
    text = bare;
  }
  return text;
}

const environment =
  /\\(?:begin|end) ?\{(?:align(?:ed)?|equation|gather(?:ed)?|displaymath|math|center|split)\*?\}/g;

/** `{a \over b}` is TeX's older `\frac`. */
const over = (text: string) =>
  text.replace(/\{([^{}\\]{1,40})\\over(?![a-zA-Z])([^{}\\]{1,40})\}/g, "\\frac{$1}{$2}");

/** The root of a number, a letter or a bracket that follows the sign. */
const roots = (text: string) =>
  text.replace(
    /([√∛∜]) ?(?:(\d+(?:\.\d+)?)|(\p{L})(?!\p{L}))/gu,
    (_, sign, digits, letter) =>
      `\\sqrt${sign === "√" ? "" : sign === "∛" ? "[3]" : "[4]"}{${digits ?? letter}}`,
  );

/**
 * An answer in one plain spelling, from which numbers, sets and expressions are read: digits of other scripts become ASCII, LaTeX
 * for a Greek letter or a sign becomes that character, what only dresses (`\boxed`, `\text`, `**`, `####`, "the answer is", `$…$`)
 * goes, spaces collapse. Time is linear in the length.
 *
 * @example
 * ```ts
 * import { cleanAnswer } from "./answers_clean.ts";
 * cleanAnswer("$\\boxed{−১৮\\text{ apples}}$"); // "-18 apples"
 * ```
 */
export function cleanAnswer(text: string): string {
  let result = withoutMarks(
    plainCharacters(boxed(text.replace(/(?<![\\a-z])boxed\{/gi, "\\boxed{"))).replace(
      /(?<!\\)~/g,
      (sign, at) => at === 0 ? sign : " ",
    ).trim(),
  );
  const bare = result.replace(environment, " ");
  if (bare !== result) result = bare.replaceAll("&", " ");
  result = plainLatex(over(roots(result)));
  result = result.replaceAll("{,}", ",").replace(/\^ ?(?:\{ ?[°∘] ?\}|[°∘])/g, "°");
  // An even number of dollars delimits mathematics; an odd one is money.
  if ((result.split("$").length - 1) % 2 === 0) result = result.replaceAll("$", " ");
  result = result.replaceAll(money, "$").replace(/\s+/g, " ").replaceAll(" ^", "^").trim();
  for (let i = 0; i < 4; i++) {
    const bare = withoutMarks(result.replace(lead, "").replace(trail, "").trim());
    if (bare === result) break;
    result = bare;
  }
  // "18!" is a factorial, "Paris!" is not.
  while (/[.;,]$|\p{L}{2}!$/u.test(result) && !/\b[ap]\.m\.$/i.test(result)) {
    result = result.slice(0, -1).trimEnd();
  }
  result = result.replace(/^(\p{L}) (?:equals|is equal to) /u, "$1 = ");
  return withoutMarks(result.replace(/^(?:=|:) ?/, "")).replaceAll("**", "^").replace(
    /^[+-]?\d{1,3}(?:_\d{3})+(?:\.\d+)?$/,
    (digits) => digits.replaceAll("_", ""),
  );
}
