import { diagnose, type Diagnosis, type DiagnosisContext, type DiagnosisRule } from "./diagnose.ts";
import type { StepMetrics } from "./run.ts";

/** Watches a run and speaks up once. */
export interface Diagnostician {
  /** Takes the metrics of the next step, with its completions where there are any, and returns what is newly wrong. */
  observe(metrics: StepMetrics, completions?: string[]): Diagnosis[];
}

/** Steps without a finding after which a rule may speak again: one quiet batch is not yet recovery. */
const quietSteps = 5;

/**
 * {@linkcode diagnose} step by step without nagging: a rule speaks once, and again only after it has been silent for 5 steps.
 *
 * `history` holds the metrics of the steps before a resume: what was said of them is not said again.
 *
 * @example
 * ```ts
 * import { diagnostician } from "../../mod.ts";
 * const watch = diagnostician({ stage: "grpo", maxTokens: 128 });
 * // after each step: for (const { message } of watch.observe(metrics)) console.log(message);
 * ```
 */
export function diagnostician(context: DiagnosisContext, history: StepMetrics[] = []): Diagnostician {
  const steps: StepMetrics[] = [], lastFound = new Map<DiagnosisRule, number>();
  const observe = (metrics: StepMetrics, completions?: string[]) => {
    steps.push(metrics);
    return diagnose(steps, { ...context, completions }).filter(({ rule }) => {
      const before = lastFound.get(rule) ?? -Infinity;
      lastFound.set(rule, steps.length);
      return steps.length - before > quietSteps;
    });
  };
  for (const metrics of history) observe(metrics);
  return { observe };
}
