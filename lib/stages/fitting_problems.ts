import type { Problem } from "../data/problem.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { type ProblemPrompt, problemPrompt, type PromptOptions } from "./problem_prompt.ts";

/** Problems that the model has room for, with their prompts, and those that it has not. */
export interface FittingProblems {
  problems: Problem[];
  prompts: ProblemPrompt[];
  /** Left out, with the tokens of their prompts. */
  tooLong: { problem: Problem; tokens: number }[];
  /** What was left out and why, for people; `null` when nothing was. */
  note: string | null;
}

/**
 * Divides problems into those whose prompt leaves room for a whole completion within the model's positions and those that are too
 * long, before any work: one long prompt must not end a run.
 *
 * @throws {RangeError} when none fits
 * @example
 * ```ts
 * import { loadDataset, loadModel } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma"), data = await loadDataset({ train: [{ source: "generator", count: 40 }] });
 * const { problems, note } = fittingProblems(model, data.train, { maxTokens: 128 });
 * ```
 */
export function fittingProblems(
  { tokenizer, config }: Pick<CausalLM, "tokenizer" | "config">,
  problems: readonly Problem[],
  { maxTokens, ...prompting }: { maxTokens: number } & PromptOptions,
): FittingProblems {
  const room = config.maxPositions - maxTokens,
    fitting: FittingProblems = {
      problems: [],
      prompts: [],
      tooLong: [],
      note: null,
    };
  for (const problem of problems) {
    const prompt = problemPrompt(tokenizer, problem, prompting);
    if (prompt.ids.length > room) fitting.tooLong.push({ problem, tokens: prompt.ids.length });
    else {
      fitting.problems.push(problem);
      fitting.prompts.push(prompt);
    }
  }
  const [longest] = fitting.tooLong.toSorted((a, b) => b.tokens - a.tokens);
  if (!longest) return fitting;
  const why =
    `its prompt of ${longest.tokens} tokens and a completion of ${maxTokens} pass the model's ${config.maxPositions} positions`;
  if (fitting.problems.length === 0) {
    throw new RangeError(
      `none of ${problems.length} problems leaves the model room to answer: of ${longest.problem.id}, ${why}; lower maxTokens or shorten the prompts`,
    );
  }
  fitting.note =
    `${fitting.tooLong.length} of ${problems.length} problems left out as too long: of ${longest.problem.id}, ${why}`;
  return fitting;
}
