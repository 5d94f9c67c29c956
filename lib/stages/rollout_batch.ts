import type { Problem } from "../data/problem.ts";
import type { Completion } from "../models/causal_lm.ts";
import type { RewardResult } from "../rewards/reward.ts";
import type { StepMetrics } from "../training/run.ts";

/** The completions of one prompt and what they are worth. */
export interface RolloutGroup {
  /** What was asked. */
  problem: Problem;
  /** The prompt as token ids. */
  promptIds: number[];
  /** What the policy answered. */
  completions: Completion[];
  /** What each completion is worth. */
  rewards: RewardResult[];
  /** What each token's loss is multiplied by, a row a completion, where another program drew them. */
  corrections?: number[][];
}

/** What the policy did at one step: plain data, for a checkpoint between two updates that it serves. */
export interface RolloutBatch {
  /** What is learned from: sampled at the step, or replayed in the place of groups without signal. */
  groups: RolloutGroup[];
  /** What was sampled at the step and not dropped. */
  sampled: RolloutGroup[];
  /** Groups of earlier steps among `groups`. */
  replayed: number;
  /** Total rewards, a row a group; less the KL penalty where that comes off the reward. */
  rewards: number[][];
  /** Groups without signal, and how many of them were dropped and sampled anew. */
  withoutSignal: number;
  /** How many of them were dropped and sampled anew. */
  dropped: number;
  /** Mean k3 estimate a token, where the KL comes off the reward. */
  kl?: number;
  /** The trainer's probabilities by the sampler's, where another program drew the completions, and how many were out of bounds. */
  samplerRatio?: StepMetrics["samplerRatio"];
  /** The curriculum's phase. */
  phase: string;
  /** Seconds spent sampling. */
  samplingSeconds: number;
  /** Seconds spent scoring. */
  rewardSeconds: number;
}

/** Rollouts with what is learned from them. */
export interface AdvantagedBatch extends RolloutBatch {
  /** The advantage of each completion, a row a group. */
  advantages: number[][];
}

/** A rollout as a sequence that goes through a model. */
export interface RolloutSequence {
  /** The prompt as token ids; rollouts of one group share the array, and so its rows. */
  prompt: number[];
  /** What was drawn, as token ids. */
  completion: number[];
  /** The completion itself. */
  rollout: Completion;
  /** What each token's loss is multiplied by, where another program drew it. */
  correction?: number[];
}

/** The rollouts of some groups as sequences, group by group. */
export function rolloutSequences(groups: readonly RolloutGroup[]): RolloutSequence[] {
  return groups.flatMap(({ promptIds, completions, corrections }) =>
    completions.map((rollout, i) => ({
      prompt: promptIds,
      completion: rollout.tokens,
      rollout,
      correction: corrections?.[i],
    }))
  );
}

/** Whether all rewards of a group are equal, so that it teaches nothing; a completion that could not be scored is not counted. */
export function withoutSignal({ rewards }: Pick<RolloutGroup, "rewards">): boolean {
  const known = rewards.map(({ total }) => total).filter((total) => !Number.isNaN(total));
  return known.every((total) => total === known[0]);
}
