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
  const reasoning = inside(text, "reasoning"), answer = inside(text, "answer");
  const once = ["<reasoning>", "</reasoning>", "<answer>", "</answer>"].every((tag) =>
    count(text, tag) === 1
  );
  const order = /^\s*<reasoning>[\s\S]*<\/reasoning>\s*<answer>[\s\S]*<\/answer>\s*$/.test(text);
  return { reasoning, answer, wellFormed: once && order && !!reasoning && !!answer };
}
