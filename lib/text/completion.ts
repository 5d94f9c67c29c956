/** The parts of a completion. */
export interface ParsedCompletion {
  /** Text inside the first `<reasoning>…</reasoning>`, trimmed; `null` when there is no closed pair. */
  reasoning: string | null;
  /** Text inside the first `<answer>…</answer>`, trimmed; `null` when there is no closed pair. */
  answer: string | null;
  /** One closed reasoning block followed by one closed, non-empty answer block, and nothing but space around. */
  wellFormed: boolean;
}

const count = (text: string, part: string) => text.split(part).length - 1;

function inside(text: string, tag: string): string | null {
  const open = text.indexOf(`<${tag}>`);
  if (open < 0) return null;
  const close = text.indexOf(`</${tag}>`, open);
  return close < 0 ? null : text.slice(open + tag.length + 2, close).trim();
}

/** Names of the tags around the parts of a completion. */
export interface TagNames {
  /** Name of the tags around the reasoning. @default "reasoning" */
  reasoning?: string;
  /** Name of the tags around the answer. @default "answer" */
  answer?: string;
}

/**
 * Splits a completion into its reasoning and its answer (SPEC, the format of the first paragraph).
 *
 * @example
 * ```ts
 * import { parseCompletion } from "../../mod.ts";
 * parseCompletion("<reasoning>5+3=8</reasoning><answer>8</answer>").answer; // "8"
 * ```
 */
export function parseCompletion(text: string): ParsedCompletion {
  return parseTagged(text);
}

/** The same with tags of other names. */
export function parseTagged(text: string, names: TagNames = {}): ParsedCompletion {
  const { reasoning: first = "reasoning", answer: second = "answer" } = names;
  const reasoning = inside(text, first), answer = inside(text, second);
  const once = [first, second].every((tag) =>
    count(text, `<${tag}>`) === 1 && count(text, `</${tag}>`) === 1
  );
  const places = [`<${first}>`, `</${first}>`, `<${second}>`, `</${second}>`].map((mark) =>
    text.indexOf(mark)
  );
  const between = text.slice(places[1] + first.length + 3, places[2]), after = places[3] + second.length + 3;
  const order = places.every((place, i) => i === 0 || place > places[i - 1]) &&
    !`${text.slice(0, places[0])}${between}${text.slice(after)}`.trim();
  return { reasoning, answer, wellFormed: once && order && !!reasoning && !!answer };
}
