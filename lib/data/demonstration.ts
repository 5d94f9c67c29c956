import type { Problem } from "./problem.ts";
import type { Random } from "../random/random.ts";

/** How much work a demonstration shows. */
export type DemonstrationStyle = "full" | "terse" | "answerOnly";

const stock = ["The answer follows.", "This is easy to see.", "The result is clear."];

/**
 * What the model should say to a problem: `<reasoning>…</reasoning><answer>…</answer>`. `full` has all steps, `terse` only the final
 * result, `answerOnly` a stock sentence: the quality of demonstrations from people varies as much.
 */
export function demonstration(problem: Problem, style: DemonstrationStyle, random: Random): string {
  const { answer, reasoning } = problem;
  const shown = style === "full" && reasoning
    ? reasoning
    : style === "answerOnly"
    ? random.pick(stock)
    : `It is ${answer}.`;
  return `<reasoning>${shown}</reasoning><answer>${answer}</answer>`;
}
