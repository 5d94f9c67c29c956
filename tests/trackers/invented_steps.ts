import type { StepMetrics } from "../../lib/training/run.ts";

/** Steps `from` to `to` as a run logs them; what a step holds follows from its number and `salt`. */
export function inventedSteps(from: number, to: number, salt = 0): StepMetrics[] {
  return Array.from({ length: to - from + 1 }, (_, i): StepMetrics => {
    const step = from + i;
    return {
      step,
      loss: 1 / step + salt,
      learningRate: 1e-3,
      gradientNorm: 0.5,
      tokens: 100 + step,
      tokensPerSecond: 50,
      phase: "easy",
      components: { correctness: { mean: step / 10, std: 0.5, weight: 1, failures: 0 } },
      seconds: { total: 2, training: 1 },
      ...(step % 2 === 0 ? { evaluation: { accuracy: step / 20 } } : {}),
    };
  });
}

export const begun = { stage: "grpo", name: "grpo", config: { steps: 6, seed: 1 }, resumedStep: null };
