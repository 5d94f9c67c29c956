import type { StepMetrics } from "./run.ts";

/**
 * Whether a stage learns from the rewards of its own completions, not from given texts: GRPO does, pre-training and SFT do not, and of
 * an algorithm of one's own its steps tell, by a reward that they measured.
 */
export function learnsFromRewards(stage: string, steps: readonly StepMetrics[]): boolean {
  if (stage === "pretrain" || stage === "sft") return false;
  return stage === "grpo" || steps.some(({ reward }) => reward !== undefined);
}
