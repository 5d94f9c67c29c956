/** Commands whose braces only style what is inside; true where the content is words and needs room around it. */
const dressing = new Map<string, boolean>([
  ..."boxed fbox framebox mathbf boldsymbol bm underline underbar ensuremath displaystyle"
    .split(" ").map((name) => [name, false] as const),
  ...("text textbf textit textrm texttt textsf textnormal textup emph mathrm mathit mathsf mathtt mathnormal mbox hbox rm " +
    "operatorname operatorname* unit si bf it").split(" ").map((name) => [name, true] as const),
]);

/** Commands whose first argument prints nothing. */
const unprinted = new Set(
  "color textcolor colorbox phantom hphantom vphantom hspace vspace label tag".split(" "),
);

const dropped = new Set(
  ("left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr displaystyle textstyle scriptstyle limits nolimits " +
    "hline centering hfill noindent").split(" "),
);

/** One plain spelling of each command; a Greek letter or a sign of set algebra is its Unicode character. */
const renamed: Record<string, string> = {
  dfrac: "\\frac",
  tfrac: "\\frac",
  cfrac: "\\frac",
  nicefrac: "\\frac",
  sfrac: "\\frac",
  flatfrac: "\\frac",
  dbinom: "\\binom",
  tbinom: "\\binom",
  times: "*",
  cdot: "*",
  ast: "*",
  bullet: "*",
  div: "/",
  degree: "°",
  degrees: "°",
  textdegree: "°",
  celsius: "°C",
  percent: "%",
  lbrace: "\\{",
  rbrace: "\\}",
  lbrack: "[",
  rbrack: "]",
  langle: "⟨",
  rangle: "⟩",
  lvert: "|",
  rvert: "|",
  vert: "|",
  mid: "|",
  approx: "=",
  cong: "=",
  simeq: "=",
  quad: " ",
  qquad: " ",
  enspace: " ",
  thinspace: " ",
  space: " ",
  lt: "<",
  gt: ">",
  euro: "€",
  pounds: "£",
  textdollar: "\u0001",
  arcsec: "\\arcsec",
  leq: "≤",
  leqslant: "≤",
  le: "≤",
  geq: "≥",
  geqslant: "≥",
  ge: "≥",
  neq: "≠",
  ne: "≠",
  in: "∈",
  notin: "∉",
  cup: "∪",
  cap: "∩",
  setminus: "∖",
  smallsetminus: "∖",
  backslash: "∖",
  subset: "⊂",
  subseteq: "⊆",
  supset: "⊃",
  supseteq: "⊇",
  emptyset: "∅",
  varnothing: "∅",
  infty: "∞",
  infin: "∞",
  pm: "±",
  mp: "∓",
  to: "→",
  rightarrow: "→",
  longrightarrow: "→",
  leftarrow: "←",
  mapsto: "↦",
  Rightarrow: "⇒",
  implies: "⇒",
  iff: "⇔",
  Leftrightarrow: "⇔",
  land: "∧",
  wedge: "∧",
  lor: "∨",
  vee: "∨",
  neg: "¬",
  lnot: "¬",
  forall: "∀",
  exists: "∃",
  angle: "∠",
  triangle: "△",
  perp: "⊥",
  parallel: "∥",
  propto: "∝",
  equiv: "≡",
  sim: "∼",
  partial: "∂",
  nabla: "∇",
  int: "∫",
  sum: "∑",
  prod: "∏",
  ell: "l",
  hbar: "ℏ",
  prime: "'",
  circ: "∘",
  ldots: "…",
  dots: "…",
  cdots: "…",
  lfloor: "⌊",
  rfloor: "⌋",
  lceil: "⌈",
  rceil: "⌉",
  ohm: "Ω",
  micro: "μ",
  varepsilon: "ε",
  varphi: "φ",
  vartheta: "θ",
  varrho: "ρ",
  varsigma: "σ",
};
const greek =
  "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho _ sigma tau upsilon " +
  "phi chi psi omega";
greek.split(" ").forEach((name, i) => {
  if (name === "_") return;
  renamed[name] = String.fromCharCode(0x3b1 + i);
  renamed[name[0].toUpperCase() + name.slice(1)] = String.fromCharCode(0x391 + i);
});

const blackboard: Record<string, string> = { C: "ℂ", H: "ℍ", N: "ℕ", P: "ℙ", Q: "ℚ", R: "ℝ", Z: "ℤ" };

/** Stands for `\$` until the dollars that delimit are gone. */
export const money = "\u0001";

const isLetter = (code: number) => (code >= 65 && code <= 90) || (code >= 97 && code <= 122);

/**
 * LaTeX in one plain spelling: what only dresses (`\text`, `\left`, `\,`) goes, each command has one name. One pass with a stack of
 * braces, so that its time is linear whatever the nesting. `\$` becomes {@linkcode money}.
 *
 * @example
 * ```ts
 * import { plainLatex } from "./plain_latex.ts";
 * plainLatex("\\dfrac{1}{2}\\text{ cm}"); // "\\frac{1}{2}  cm "
 * ```
 */
export function plainLatex(text: string): string {
  if (!/[\\{}]/.test(text)) return text;
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
        else if (next === "|") out.push("|");
        // \( \) \[ \] and \! only dress
        continue;
      }
      const name = text.slice(i + 1, end);
      i = end - 1;
      if (name === "mathbb" || name === "mathbf" || name === "Bbb") {
        const set = /^ *(?:\{ *([CHNPQRZ]) *\}|([CHNPQRZ])(?![a-zA-Z]))/.exec(text.slice(end, end + 12));
        if (set) {
          out.push(blackboard[set[1] ?? set[2]]);
          i = end + set[0].length - 1;
          continue;
        }
      }
      if (unprinted.has(name)) {
        const argument = /^\*? ?(?:\[[^\]]{0,20}\])?\{[^{}]{0,60}\}/.exec(text.slice(end, end + 90));
        i = end - 1 + (argument?.[0].length ?? 0);
        continue;
      }
      const words = dressing.get(name);
      if (words !== undefined) {
        let brace = end;
        if (text[brace] === "*") brace++;
        while (text[brace] === " ") brace++;
        if (text[brace] === "{") {
          opens = words ? "words" : "tight";
          i = brace - 1;
        }
      } else if (Object.hasOwn(renamed, name)) out.push(renamed[name]);
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
