import type { Problem } from "../data/problem.ts";
import type { Random } from "../random/random.ts";

/** How much work a demonstration shows. */
export type DemonstrationStyle = "full" | "terse" | "answerOnly";

/** A part of a completion, and the marks around it. */
export interface Span {
  /** What it holds. */
  part: "reasoning" | "answer";
  /** First character of the opening mark, and one past the last of the closing one. */
  open: number;
  /** Past its closing mark. */
  close: number;
  /** What is between the marks: its first character and one past its last. */
  start: number;
  /** Past its text. */
  end: number;
}

/** A completion, read. */
export interface ReadResponse {
  /** `null` when there is none. */
  reasoning: string | null;
  /** `null` when there is none. */
  answer: string | null;
  /** Nothing is missing, twice, in the wrong order or left over. */
  wellFormed: boolean;
  /** The parts that are there. */
  spans: Span[];
}

/** How a demonstration is made. */
export interface WriteOptions {
  /** How much of the reasoning is shown. */
  style: DemonstrationStyle;
  /** Decides what is drawn. */
  random: Random;
}

/**
 * How answers are written and read in a run: demonstrations, rewards, evaluation, failure classes, panel and inspector ask it.
 *
 * @example
 * ```ts
 * import type { ResponseFormat } from "./response_format.ts";
 * const lastLine: ResponseFormat = {
 *   name: "last line",
 *   instructions: "Put the answer alone on the last line.",
 *   write: ({ answer, reasoning }) => `${reasoning ?? ""}\n${answer}`,
 *   read(text) {
 *     const start = text.trimEnd().lastIndexOf("\n") + 1, end = text.trimEnd().length, answer = text.slice(start, end);
 *     const spans = [{ part: "answer" as const, open: start, start, end, close: end }];
 *     return { reasoning: text.slice(0, start), answer, wellFormed: answer !== "", spans };
 *   },
 *   check: (answer, problem) => answer === problem.answer,
 * };
 * ```
 */
export interface ResponseFormat {
  /** What tables and errors call it. */
  name: string;
  /** The system prompt, unless the run gives one; `null`: none. */
  instructions: string | null;
  /** What the model should say to a problem; `null` when the problem does not know enough. */
  write(problem: Problem, options: WriteOptions): string | null;
  /** Finds reasoning and answer in a completion. */
  read(text: string): ReadResponse;
  /** Whether an answer is right; `null` when that cannot be said. */
  check(answer: string, problem: Problem): boolean | null | Promise<boolean | null>;
  /** What an answer comes to, so that two that say the same have one vote. @default the answer in lower case without commas */
  value?(answer: string): string;
  /** The marks that open and close the parts, such as `["<answer>", "</answer>"]`, where they are fixed texts. @default none */
  marks?: { readonly [part in Span["part"]]?: readonly [open: string, close: string] };
}
