import { checkArgument } from "../options/check_argument.ts";
import { asReward } from "../rewards/as_reward.ts";
import { type CompositeOptions, compositeReward } from "../rewards/composite.ts";
import type { Reward, RewardFunction } from "../rewards/reward.ts";

/** A reward as a person gives it: made by `compositeReward`, its options, or a function of a sample. */
export type GivenReward = Reward | CompositeOptions | RewardFunction;

/**
 * Rewards by name, each made from what a person gave.
 *
 * @param call Whose argument it is: `ablateReward's first argument`.
 * @throws {ArgumentError} when it is no group; {@linkcode RangeError} when it is empty; what `compositeReward` throws
 * @example
 * ```ts
 * namedRewards("huntLoopholes' first argument", { r3: { preset: "r3" } }).r3.names;
 * ```
 */
export function namedRewards(call: string, given: Record<string, GivenReward>): Record<string, Reward> {
  checkArgument(call, "options", given);
  const single = typeof (given as unknown as Reward).score === "function";
  const rewards = Object.entries(single ? { reward: given as unknown as Reward } : given);
  if (rewards.length === 0) throw new RangeError(`${call} must hold at least one reward, got none`);
  return Object.fromEntries(rewards.map(([name, reward]) => {
    if (typeof reward === "function") return [name, asReward(reward)];
    checkArgument(`\`${name}\` of ${call}`, "options", reward);
    return [name, "score" in reward ? asReward(reward) : compositeReward(reward)];
  }));
}
