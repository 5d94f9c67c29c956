/** Signs that people write for one sign. Whatever is missing here stands for itself, or for what NFKC makes of it. */
const alike: Record<string, string> = {
  "-": "−–—‐‑‒―﹣－⁃",
  "*": "×⋅·∙∗•✕✖",
  "/": "÷⁄∕",
  "≤": "⩽≦",
  "≥": "⩾≧",
  "=": "≈≅≃＝",
  "∅": "⌀",
  "∖": "⧵",
  "→": "⟶⇾",
  "⇒": "⟹",
  "°": "º˚",
  "%": "٪％﹪",
  ".": "٫।。｡",
  ",": "٬،，、﹐",
  "'": "’‘ʼ′＇`´",
  '"': "“”„«»″",
  "μ": "µ",
  "Ω": "Ω",
  "π": "ϖ",
  "ε": "ϵ",
  "φ": "ϕ",
  "θ": "ϑ",
  "ρ": "ϱ",
  "σ": "ς",
  "|": "∣｜",
};

const plainSign = new Map(
  Object.entries(alike).flatMap(([sign, others]) => [...others].map((o) => [o, sign])),
);

const doubleStruck = new Map([..."ℂℍℕℙℚℝℤ"].map((sign) => [sign, sign]));

/** Characters that print nothing. What joins digits goes; invisible times, comma and plus say something. */
const invisible = /[\p{Cf}\p{Variation_Selector}\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0]/u;
const meaning = new Map([["\u2062", "*"], ["\u2063", ","], ["\u2064", " "]]);

const decimalDigit = /\p{Nd}/u;
const raised = /[\u00b2\u00b3\u00b9\u2070-\u207f\u02b0-\u02b8\u02e1-\u02e3\u1d2c-\u1d61\u1d78\u1d9c-\u1dbf]/u;
const lowered = /[\u2080-\u209c\u1d62-\u1d6a\u2c7c]/u;
/** ②, ⑴, Ⓐ, 🄰: one sign each. NFKC would make them the digits and letters that they are not. */
const enclosed = /[\u2460-\u24ff\u2776-\u2793\u3200-\u325f\u3280-\u32ff\u{1f100}-\u{1f1ff}]/u;

/** The value of a decimal digit of any script: each script's ten stand in a row, and begin with its zero. */
function digitOf(character: string): number {
  const code = character.codePointAt(0)!;
  if (code >= 0x1d7ce && code <= 0x1d7ff) return (code - 0x1d7ce) % 10;
  let zero = code;
  while (code - zero < 9 && decimalDigit.test(String.fromCodePoint(zero - 1))) zero--;
  return code - zero;
}

function plain(character: string): string {
  if (decimalDigit.test(character)) return String(digitOf(character));
  const sign = plainSign.get(character) ?? doubleStruck.get(character);
  if (sign !== undefined) return sign;
  if (enclosed.test(character)) return character;
  const code = character.codePointAt(0)!;
  if (code >= 0x1d538 && code <= 0x1d56b) return doubleStruckOf(character);
  const normal = character.normalize("NFKC");
  // ½ is "1⁄2" to Unicode; 3½ is not 31⁄2.
  return normal.includes("⁄") ? ` ${normal.replace("⁄", "/")}` : plainSign.get(normal) ?? normal;
}

const doubleStruckOf = (character: string) => `\\mathbb{${character.normalize("NFKC")}}`;

/**
 * A text in plain characters: digits of every script become ASCII, signs that look alike become one sign, characters that
 * print nothing go, raised and lowered ones become `^{…}` and `_{…}`. NFKC does the rest (full width, ligatures), character by
 * character, where it keeps what is said: it would make `52` with a lowered 8 the number 528, and ② the number 2.
 *
 * @example
 * ```ts
 * import { plainCharacters } from "./plain_characters.ts";
 * plainCharacters("xⁿ⁺¹ = ১৮"); // "x^{n+1} = 18"
 * ```
 */
export function plainCharacters(text: string): string {
  // deno-lint-ignore no-control-regex
  if (/^[\x00-\x7f]*$/.test(text)) return text;
  let result = "", level: "" | "^" | "_" = "";
  for (const character of text.normalize("NFC")) {
    const code = character.codePointAt(0)!;
    if (code < 0x80 && level === "") {
      result += character;
      continue;
    }
    const said = meaning.get(character);
    if (said === undefined && invisible.test(character)) continue;
    const next = raised.test(character) ? "^" : lowered.test(character) ? "_" : "";
    if (next !== level) {
      if (level !== "") result += "}";
      if (next !== "") result += `${next}{`;
      level = next;
    }
    result += said ?? (code < 0x80 ? character : level === "" ? plain(character) : plainLevel(character));
  }
  if (level !== "") result += "}";
  // ³⁄₄ is a fraction, however it is set.
  return result.replace(/\^\{(\d+)\}\/_\{(\d+)\}/g, " $1/$2");
}

const plainLevel = (character: string) => {
  const normal = character.normalize("NFKC");
  return plainSign.get(normal) ?? normal;
};
