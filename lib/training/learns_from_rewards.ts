import type { StepMetrics } from "./run.ts";

/**
 * Whether a stage learns from the rewards of its own completions, not from given texts or a teacher: GRPO does, pre-training, SFT and
 * distillation do not, and of an algorithm of one's own its steps tell, by a reward that they measured.
 */
export function learnsFromRewards(stage: string, steps: readonly StepMetrics[]): boolean {
  if (["pretrain", "sft", "distill"].includes(stage)) return false;
  return stage === "grpo" || steps.some(({ reward }) => reward !== undefined);
}
