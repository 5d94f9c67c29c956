import { learnsFromRewards } from "./learns_from_rewards.ts";
import type { TrainingRun } from "./run.ts";

/** Whether a run learns from completions of its own, by their rewards or a teacher's word, and so has what can be told of them. */
export function learnsFromSamples({ stage, steps }: Pick<TrainingRun, "stage" | "steps">): boolean {
  return stage === "distill" || learnsFromRewards(stage, steps);
}
