import type { Reward } from "../rewards/reward.ts";
import { advantages } from "../training/advantages.ts";
import { advantagesByComponent } from "../training/advantages_by_component.ts";
import type { GrpoConfig } from "./grpo_schema.ts";
import type { RolloutBatch } from "./rollout_batch.ts";

/** Options of {@linkcode rolloutAdvantages}. */
export interface RolloutAdvantagesOptions {
  /** What scored the rollouts. */
  reward: Reward;
  /** GRPO's options. */
  config: GrpoConfig;
  /** The update's number, from 0: the weights in force. */
  index: number;
}

/**
 * The advantage of every completion, a row a group: of the total rewards, or with `normalizeThenSum` of each component by itself
 * before their weighted sum.
 */
export function rolloutAdvantages(
  { groups, rewards }: RolloutBatch,
  { reward, config, index }: RolloutAdvantagesOptions,
): number[][] {
  if (!config.normalizeThenSum) return advantages(rewards, config);
  const scores = groups.map((group) =>
    group.rewards.map(({ components }) => reward.names.map((component) => components[component].score))
  );
  return advantagesByComponent(scores, { weights: Object.values(reward.weights(index, config.steps)) });
}
