/** Digits of other scripts, by the code of their zero: Arabic-Indic, Persian, Devanagari, Bangla. */
const zeros = [0x0660, 0x06f0, 0x0966, 0x09e6];

const characters: Record<string, string> = {
  "−": "-", // U+2212
  "–": "-",
  "—": "-",
  "‐": "-",
  "‑": "-",
  "﹣": "-",
  "－": "-",
  "×": "*",
  "⋅": "*",
  "·": "*",
  "∙": "*",
  "∗": "*",
  "÷": "/",
  "⁄": "/",
  "∕": "/",
  "±": "\\pm ",
  "π": "\\pi ",
  "∞": "\\infty ",
  "∪": "\\cup ",
  "∈": "\\in ",
  "≤": "\\le ",
  "≥": "\\ge ",
  "≠": "\\ne ",
  "∅": "\\emptyset ",
  "≈": "=",
  "º": "°",
  "˚": "°",
  "٪": "%",
  "٫": ".", // Arabic decimal separator
  "٬": ",", // Arabic thousands separator
  "،": ",",
  "’": "'",
  "‘": "'",
  "“": '"',
  "”": '"',
  "।": ".",
  "。": ".",
  "½": " 1/2",
  "⅓": " 1/3",
  "⅔": " 2/3",
  "¼": " 1/4",
  "¾": " 3/4",
  "⅕": " 1/5",
  "⅖": " 2/5",
  "⅗": " 3/5",
  "⅘": " 4/5",
  "⅙": " 1/6",
  "⅚": " 5/6",
  "⅛": " 1/8",
  "⅜": " 3/8",
  "⅝": " 5/8",
  "⅞": " 7/8",
};

const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** Unicode first: NFKC alone would turn `3½` into `31⁄2` and `x²` into `x2`. */
function plainCharacters(text: string): string {
  let result = "", raised = false;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const digit = superscripts.indexOf(character);
    const up: boolean = digit >= 0 || (character === "⁻" && !raised);
    if (up !== raised) result += up ? "^{" : "}";
    raised = up;
    if (up) result += digit >= 0 ? digit : "-";
    else if (code < 0x80) result += character;
    else {
      const zero = zeros.find((start) => code >= start && code < start + 10);
      result += zero !== undefined ? String(code - zero) : characters[character] ?? character;
    }
  }
  return (raised ? result + "}" : result).normalize("NFKC");
}

/** Commands whose braces only dress what is inside; true where the content is words and needs room around it. */
const dressing = new Map<string, boolean>([
  ["boxed", false],
  ["fbox", false],
  ["mathbf", false],
  ["boldsymbol", false],
  ["text", true],
  ["textbf", true],
  ["textit", true],
  ["textrm", true],
  ["texttt", true],
  ["emph", true],
  ["mathrm", true],
  ["mathit", true],
  ["mathsf", true],
  ["mbox", true],
  ["hbox", true],
  ["rm", true],
]);

const dropped = new Set(["left", "right", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "displaystyle"]);

const renamed: Record<string, string> = {
  dfrac: "\\frac",
  tfrac: "\\frac",
  cfrac: "\\frac",
  times: "*",
  cdot: "*",
  div: "/",
  degree: "°",
  leq: "\\le ",
  geq: "\\ge ",
  neq: "\\ne ",
  lbrace: "\\{",
  rbrace: "\\}",
  approx: "=",
  quad: " ",
  qquad: " ",
  varnothing: "\\emptyset ",
  lt: "<",
  gt: ">",
  euro: "€",
  pounds: "£",
};

/** Stands for \$ until the dollars that delimit are gone. */
const money = "\u0001";

const isLetter = (code: number) => (code >= 65 && code <= 90) || (code >= 97 && code <= 122);

/** One pass over LaTeX with a stack of braces, so that its time is linear whatever the nesting. */
function plainLatex(text: string): string {
  const out: string[] = [];
  const braces: ("keep" | "tight" | "words")[] = [];
  let opens: "keep" | "tight" | "words" = "keep";
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === "\\") {
      let end = i + 1;
      while (end < text.length && isLetter(text.charCodeAt(end))) end++;
      if (end === i + 1) {
        const next = text[i + 1] ?? "";
        i++;
        if (next === "{" || next === "}") out.push("\\", next);
        else if (next === "\\") out.push("\\\\");
        else if (next === "$") out.push(money);
        else if (next === "%" || next === "#" || next === "&" || next === "_") out.push(next);
        else if (next === "," || next === ";" || next === ":" || next === " ") out.push(" ");
        // \( \) \[ \] and \! only dress
        continue;
      }
      const name = text.slice(i + 1, end);
      i = end - 1;
      const words = dressing.get(name);
      if (words !== undefined) {
        let brace = end;
        while (text[brace] === " ") brace++;
        if (text[brace] === "{") {
          opens = words ? "words" : "tight";
          i = brace - 1;
        }
      } else if (name in renamed) out.push(renamed[name]);
      else if (!dropped.has(name)) {
        out.push("\\", name);
        if (isLetter(text.charCodeAt(end))) out.push(" ");
      }
      continue;
    }
    if (character === "{") {
      braces.push(opens);
      if (opens === "keep") out.push("{");
      else if (opens === "words") out.push(" ");
      opens = "keep";
    } else if (character === "}") {
      const kind = braces.pop() ?? "keep";
      if (kind === "keep") out.push("}");
      else if (kind === "words") out.push(" ");
    } else out.push(character);
  }
  return out.join("");
}

const prefix = /^(?:the |my |final |so |correct )*answer ?(?:is|:|=) ?/i;

/**
 * An answer in one plain spelling, from which numbers, sets and expressions are read: digits of other scripts and
 * Unicode signs become ASCII, LaTeX that only dresses (`\boxed`, `\text`, `\left`, `$…$`, `\,`) goes, spaces collapse.
 * Time is linear in the length.
 *
 * @example
 * ```ts
 * import { cleanAnswer } from "./answers_clean.ts";
 * cleanAnswer("$\\boxed{−১৮\\text{ apples}}$"); // "-18 apples"
 * ```
 */
export function cleanAnswer(text: string): string {
  let result = plainLatex(plainCharacters(text.replace(/^(\*\*|__|`)(.*)\1$/s, "$2")));
  result = result.replaceAll("{,}", ",").replaceAll("^{\\circ}", "°").replaceAll("^\\circ", "°");
  result = result.replaceAll("^{°}", "°").replaceAll("^°", "°").replaceAll("**", "^");
  // An even number of dollars delimits mathematics; an odd one is money.
  if ((result.split("$").length - 1) % 2 === 0) result = result.replaceAll("$", " ");
  result = result.replaceAll(money, "$").replace(/\s+/g, " ").replaceAll(" ^", "^").trim().replace(
    prefix,
    "",
  );
  // "18!" is a factorial, "Paris!" is not.
  while (/[.;,]$|\p{L}{2}!$/u.test(result)) result = result.slice(0, -1).trimEnd();
  return result.replace(/^(?:=|:) ?/, "");
}
