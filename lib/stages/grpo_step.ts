import { responseFormatOf } from "../formats/response_format_of.ts";
import type { Completion } from "../models/causal_lm.ts";
import type { Reward } from "../rewards/reward.ts";
import type { Update } from "../training/trainer.ts";
import type { StepResult } from "../training/training_loop.ts";
import type { GrpoConfig } from "./grpo_schema.ts";
import type { PolicyGradients, TokenTrace } from "./policy_gradients.ts";
import { rolloutMetrics, rolloutRecords, rolloutSample } from "./rollout_metrics.ts";
import type { AdvantagedBatch } from "./rollout_batch.ts";

/** What there is to report of one update of GRPO. */
export interface GrpoStep {
  /** What was learned from. */
  batch: AdvantagedBatch;
  /** Whether the batch was sampled at this step, not at an earlier one that it serves too. */
  fresh: boolean;
  /** What the update found of the completions' tokens, where they are kept. */
  traces: Map<Completion, TokenTrace>;
  /** The numbers of the update. */
  metrics: PolicyGradients["metrics"] & Update & { entropyCoef?: number };
  /** Seconds that the update took. */
  trainingSeconds: number;
  /** What a person should know of it. */
  notes: string[];
  /** Why the run must stop, where it must. */
  failure?: string;
}

/** Options of {@linkcode grpoStep}. */
export interface GrpoStepOptions {
  /** What scored the rollouts. */
  reward: Reward;
  /** GRPO's options. */
  config: GrpoConfig;
  /** The update's number, from 0. */
  index: number;
}

/** A step of GRPO as log, panel and diagnosis read it. */
export function grpoStep(
  { batch, fresh, traces, metrics, trainingSeconds, notes, failure }: GrpoStep,
  { reward, config, index }: GrpoStepOptions,
): StepResult {
  const format = responseFormatOf(config.format),
    seconds = {
      sampling: fresh ? batch.samplingSeconds : 0,
      rewards: fresh ? batch.rewardSeconds : 0,
      training: trainingSeconds,
    };
  return {
    metrics: {
      ...metrics,
      ...rolloutMetrics(batch, reward.weights(index, config.steps), format),
      droppedGroups: config.dropZeroVariance ? batch.dropped : undefined,
      replayedGroups: config.replay === null ? undefined : batch.replayed,
      tokensPerSecond: metrics.tokens / (seconds.sampling + seconds.rewards + seconds.training),
      seconds,
    },
    completions: fresh ? rolloutRecords({ ...batch, traces }, index + 1) : [],
    texts: batch.sampled.flatMap(({ completions }) => completions.map(({ text }) => text)),
    sample: rolloutSample(batch.groups, format),
    notes,
    failure,
  };
}
