import type { Problem } from "../data/problem.ts";
import type { WriteOptions } from "./response_format.ts";

const stock = ["The answer follows.", "This is easy to see.", "The result is clear."];

/**
 * The reasoning that a demonstration shows: `full` has all steps, `terse` only the final result, `answerOnly` a stock sentence: the quality of
 * demonstrations from people varies as much.
 */
export function demonstratedReasoning(
  { answer, reasoning }: Pick<Problem, "answer" | "reasoning">,
  { style, random }: WriteOptions,
): string {
  return style === "full" && reasoning
    ? reasoning
    : style === "answerOnly"
    ? random.pick(stock)
    : `It is ${answer}.`;
}
