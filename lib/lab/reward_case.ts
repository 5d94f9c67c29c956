import { z } from "zod";
import type { FormatOption } from "../formats/format_schema.ts";
import { responseFormatOf } from "../formats/response_format_of.ts";
import type { Problem } from "../data/problem.ts";
import { checkArgument } from "../options/check_argument.ts";
import type { RewardSample } from "../rewards/reward.ts";

/** A completion to score by hand: of a sample, only what can't be done without. */
export interface RewardCase extends Partial<Omit<RewardSample, "problem" | "format">> {
  /** The text to score, with its tags. */
  completion: string;
  /** How the text is read. @default "tags" */
  format?: FormatOption;
  /** What was asked, and the right answer. */
  problem: Pick<Problem, "question" | "answer"> & Partial<Problem>;
}

/** What {@linkcode sampleOf} takes for what a case leaves out. */
export type CaseDefaults = Pick<RewardCase, "step" | "steps" | "phase">;

/** Where in a run a case stands, as options are checked. */
export const placeFields = {
  step: z.int().min(0).optional().describe("Counted from 0. Default 0."),
  steps: z.int().min(1).optional().describe("The run's length. Default 1."),
  phase: z.string().optional().describe("The curriculum's phase. Default medium."),
};

/**
 * The sample of a case: step 0 of 1, the medium phase, and the question as prompt where it says nothing.
 *
 * @throws {TypeError} when the completion, the question or the answer is no text
 * @example
 * ```ts
 * import { sampleOf } from "./reward_case.ts";
 * sampleOf({ completion: "<answer>8</answer>", problem: { question: "5 + 3?", answer: "8" } }).phase; // "medium"
 * ```
 */
export function sampleOf(
  one: RewardCase,
  { step = 0, steps = 1, phase = "medium" }: CaseDefaults = {},
): RewardSample {
  checkArgument("a completion to score", "options", one);
  const { completion, problem, format, ...given } = one;
  const texts = { completion, "problem.question": problem?.question, "problem.answer": problem?.answer };
  for (const [name, text] of Object.entries(texts)) {
    if (typeof text !== "string") {
      throw new TypeError(
        `Scoring a completion: ${name} must be a text, got ${text === null ? "null" : typeof text}; ` +
          'write { completion: "…", problem: { question: "…", answer: "…" } }',
      );
    }
  }
  return {
    prompt: problem.question,
    step,
    steps,
    phase,
    ...given,
    completion,
    ...(format === undefined ? {} : { format: responseFormatOf(format) }),
    problem: { id: "by hand", difficulty: "medium", domain: "maths", ...problem },
  };
}
