import { checkAnswer } from "./check_answer.ts";
import { demonstratedReasoning } from "./demonstrated_reasoning.ts";
import type { ResponseFormat, Span } from "./response_format.ts";

/** Options of {@linkcode boxed}. */
export interface BoxedOptions {
  /** The system prompt. @default "Please reason step by step, and put your final answer within \\boxed{}." */
  instructions?: string | null;
}

/** The last closed `\boxed{…}` or `\fbox{…}`, its braces balanced. */
function lastBox(text: string): Omit<Span, "part"> | null {
  for (const { 0: mark, index } of [...text.matchAll(/\\(?:boxed|fbox)\s*\{/g)].toReversed()) {
    const start = index + mark.length;
    for (let at = start, depth = 1; at < text.length; at++) {
      if (text[at] === "\\") at++;
      else if (text[at] === "{") depth++;
      else if (text[at] === "}" && --depth === 0) return { open: index, start, end: at, close: at + 1 };
    }
  }
  return null;
}

/**
 * Prose whose last `\boxed{…}` is the answer, as MATH's solutions and Qwen's models write it. Well formed with one filled box, reasoning before it
 * and nothing after it but the end of its sentence.
 *
 * @example
 * ```ts
 * import { boxed } from "./boxed.ts";
 * boxed().read("5 + 3 = 8, so the answer is \\boxed{8}.").answer; // "8"
 * ```
 */
export function boxed(
  { instructions = "Please reason step by step, and put your final answer within \\boxed{}." }: BoxedOptions =
    {},
): ResponseFormat {
  return {
    name: "boxed",
    instructions,
    write(problem, options) {
      if (problem.answer.trim() === "") return null;
      const shown = demonstratedReasoning(problem, options), box = lastBox(shown);
      if (box && shown.slice(box.start, box.end).trim() === problem.answer.trim()) return shown;
      return `${shown} The answer is $\\boxed{${problem.answer}}$.`;
    },
    read(text) {
      const box = lastBox(text);
      if (!box) return { reasoning: text.trim() || null, answer: null, wellFormed: false, spans: [] };
      const before = text.slice(0, box.open),
        reasoning = before.trim(),
        answer = text.slice(box.start, box.end).trim();
      const start = before.length - before.trimStart().length, end = start + reasoning.length;
      const single = [...text.matchAll(/\\(?:boxed|fbox)\s*\{/g)].length === 1,
        rest = text.slice(box.close);
      return {
        reasoning: reasoning || null,
        answer,
        wellFormed: single && reasoning !== "" && answer !== "" && /^[\s.$)\]\\*!]*$/.test(rest),
        spans: [
          ...reasoning ? [{ part: "reasoning" as const, open: start, start, end, close: end }] : [],
          { part: "answer", ...box },
        ],
      };
    },
    check: checkAnswer,
  };
}
