import { DataError } from "../data/data_error.ts";
import { parseTagged } from "../text/completion.ts";
import { checkAnswer } from "./check_answer.ts";
import { demonstratedReasoning } from "./demonstrated_reasoning.ts";
import type { ResponseFormat, Span } from "./response_format.ts";
import { tagSpan } from "./tag_span.ts";

/** Options of {@linkcode tags}. */
export interface TagsOptions {
  /** Name of the tags around the reasoning. @default "reasoning" */
  reasoning?: string;
  /** Name of the tags around the answer. @default "answer" */
  answer?: string;
  /** The system prompt. @default null: demonstrations teach the tags */
  instructions?: string | null;
}

/**
 * Reasoning and answer in tags of any names: `<reasoning>…</reasoning><answer>…</answer>`, `<think>…</think><answer>…</answer>`.
 *
 * A completion is well formed with one closed pair of each, in order, neither empty, and nothing but space around.
 *
 * @throws {RangeError} for names that are no names of tags, or the same
 * @example
 * ```ts
 * import { tags } from "./tags.ts";
 * tags({ reasoning: "think" }).read("<think>5 + 3 = 8</think><answer>8</answer>").answer; // "8"
 * ```
 */
export function tags(
  { reasoning = "reasoning", answer = "answer", instructions = null }: TagsOptions = {},
): ResponseFormat {
  for (const name of [reasoning, answer]) {
    if (!/^[\p{L}_][\p{L}\p{N}_-]*$/u.test(name)) {
      throw new RangeError(
        `the format needs names of tags, of letters, digits, _ and -, got ${JSON.stringify(name)}`,
      );
    }
  }
  if (reasoning === answer) throw new RangeError(`the format needs tags of two names, got ${answer} twice`);
  const pair = (tag: string) => [`<${tag}>`, `</${tag}>`] as const;
  const marks = { reasoning: pair(reasoning), answer: pair(answer) };
  return {
    name: reasoning === "reasoning" && answer === "answer" ? "tags" : `tags ${reasoning}, ${answer}`,
    instructions,
    marks,
    write(problem, options) {
      if (problem.answer.trim() === "") return null;
      const shown = demonstratedReasoning(problem, options);
      const twice = Object.values(marks).flat().find((mark) =>
        shown.includes(mark) || problem.answer.includes(mark)
      );
      if (twice) {
        throw new DataError(
          `writing the demonstration of ${problem.id}: its answer or reasoning holds ${twice}, which would be taught twice; ` +
            "take the tags out, or give the whole text as `completion`",
        );
      }
      return `<${reasoning}>${shown}</${reasoning}><${answer}>${problem.answer}</${answer}>`;
    },
    read(text) {
      const parts = [["reasoning", tagSpan(text, reasoning)], ["answer", tagSpan(text, answer)]] as const;
      return {
        ...parseTagged(text, { reasoning, answer }),
        spans: parts.flatMap(([part, span]): Span[] => span ? [{ part, ...span }] : []),
      };
    },
    check: checkAnswer,
  };
}
