import type { TrainingRun } from "../training/run.ts";

/** A stage's name as figures and tables write it: `sft` is `SFT`, `afterSft` is `after SFT`, `base` stays. */
export function stageLabel(name: string): string {
  const [, after, method] = /^(after)?_?(sft|grpo|rloo|dapo|bnpo)$/i.exec(name) ?? [];
  return method ? `${after ? "after " : ""}${method.toUpperCase()}` : name;
}

/** The same where it opens a title: `pretrain` is `Pre-training`, and a name of one's own has a capital. */
export function stageTitle(stage: string): string {
  const label = stage === "pretrain" ? "Pre-training" : stageLabel(stage);
  return label.charAt(0).toUpperCase() + label.slice(1);
}

/** The stages of some runs, each once: in the order of the usual pipeline, then those of one's own as they come. */
export function stagesOf(runs: readonly TrainingRun[]): string[] {
  const stages = new Set(runs.map(({ stage }) => stage)), usual = ["pretrain", "sft", "grpo", "distill"];
  return [
    ...usual.filter((stage) => stages.has(stage)),
    ...[...stages].filter((stage) => !usual.includes(stage)),
  ];
}
