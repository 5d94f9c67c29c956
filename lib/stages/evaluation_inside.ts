import type { Problem } from "../data/problem.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import type { LoopHooks } from "../training/training_loop.ts";
import { evaluate, type EvaluateOptions } from "./evaluate.ts";

/**
 * How a stage judges the model while it trains: held-out problems for `evaluate` with its options, or a function that
 * measures something else and gives its task metrics by name.
 */
export type EvaluationInside =
  | EvaluateOptions & { problems: Problem[] }
  | (() => Promise<Record<string, number>>);

/** The hooks of a stage that can judge its model by held-out problems. */
export type StageHooks = Omit<LoopHooks, "evaluation"> & {
  /**
   * Judges the model every `evaluateEvery` steps; the best checkpoint by `bestBy` is kept and named in the run's `best`.
   * Held-out problems give the task metrics accuracy, formatRate, trace, meanTokens and truncatedFraction.
   */
  evaluation?: EvaluationInside;
};

/** Splits a stage's options into its configuration and its hooks. */
export function splitHooks<T extends StageHooks>(options: T) {
  const { onStep, signal, resumeFrom, metricsFile, trackers, evaluation, ...settings } = options;
  return { hooks: { onStep, signal, resumeFrom, metricsFile, trackers, evaluation }, settings };
}

/** The hook of the training loop that measures what was asked for. */
export function evaluationHook(model: CausalLM, inside?: EvaluationInside): LoopHooks["evaluation"] {
  if (inside === undefined || typeof inside === "function") return inside;
  const { problems, ...options } = inside;
  return async () => {
    const { accuracy, formatRate, trace, meanTokens, truncatedFraction } = await evaluate(
      model,
      problems,
      options,
    );
    return { accuracy: accuracy.value, formatRate: formatRate.value, trace, meanTokens, truncatedFraction };
  };
}
