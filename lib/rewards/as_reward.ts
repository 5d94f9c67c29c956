import { compositeReward } from "./composite.ts";
import type { Reward, RewardFunction } from "./reward.ts";

/**
 * What a stage maximises: a reward as it is, or a plain function as a composite of that one component.
 *
 * @throws {TypeError} for anything else
 * @example
 * ```ts
 * asReward(({ completion }) => completion.length < 200 ? 1 : 0).names; // ["reward"]
 * ```
 */
export function asReward(reward: Reward | RewardFunction): Reward {
  if (typeof reward === "function") {
    return compositeReward({ components: { [reward.name || "reward"]: { weight: 1, reward } } });
  }
  const missing = ["score", "weights", "toJSON"].filter((name) =>
    typeof (reward as unknown as Record<string, unknown> | null)?.[name] !== "function"
  );
  if (missing.length === 0 && Array.isArray(reward.names)) return reward;
  throw new TypeError(
    `a reward is a function of a sample, or what compositeReward() makes, or an object with names, score, weights and toJSON; got ${
      reward === null || typeof reward !== "object"
        ? String(reward)
        : `an object without ${[...missing, ...Array.isArray(reward.names) ? [] : ["names"]].join(", ")}`
    }. Several functions go together as compositeReward({ components: { mine: { weight: 1, reward } } })`,
  );
}
