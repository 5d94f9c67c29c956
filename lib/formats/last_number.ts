import { checkAnswer } from "./check_answer.ts";
import { demonstratedReasoning } from "./demonstrated_reasoning.ts";
import type { ResponseFormat } from "./response_format.ts";

/** A number in running text: sign, currency, digits of any script with separators, decimals, fraction, percent. */
const number =
  /(?<![\p{N}\p{L})\]}])[-−]?[$€£₹৳]?\p{Nd}[\p{Nd},]*(?:\.\p{Nd}+)?(?:\/\p{Nd}+)?%?|(?<=[\p{N}\p{L})\]}])\p{Nd}[\p{Nd},]*(?:\.\p{Nd}+)?(?:\/\p{Nd}+)?%?/gu;

/**
 * The last number of a text is its answer: how a base model is judged that was taught no format. Well formed when there is one.
 *
 * @example
 * ```ts
 * import { lastNumber } from "./last_number.ts";
 * lastNumber().read("5 + 3 is 8. So it's 8 apples.").answer; // "8"
 * ```
 */
export function lastNumber({ instructions = null }: { instructions?: string | null } = {}): ResponseFormat {
  return {
    name: "last-number",
    instructions,
    write(problem, options) {
      return problem.answer.trim() === ""
        ? null
        : `${demonstratedReasoning(problem, options)} The answer is ${problem.answer}.`;
    },
    read(text) {
      const last = [...text.matchAll(number)].at(-1),
        before = text.slice(0, last?.index),
        reasoning = before.trim();
      if (!last) return { reasoning: reasoning || null, answer: null, wellFormed: false, spans: [] };
      const answer = last[0].replace(/,+$/, ""), start = last.index, end = start + answer.length;
      const from = before.length - before.trimStart().length, to = from + reasoning.length;
      return {
        reasoning: reasoning || null,
        answer,
        wellFormed: true,
        spans: [
          ...reasoning ? [{ part: "reasoning" as const, open: from, start: from, end: to, close: to }] : [],
          { part: "answer", open: start, start, end, close: end },
        ],
      };
    },
    check: checkAnswer,
  };
}
