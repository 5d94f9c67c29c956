/** What the KL penalty of a reward needs. */
export interface KlInRewardOptions {
  /** Weight of the penalty. */
  beta: number;
  /** Of the policy that sampled: [completion, token], nats. */
  logprobs: ArrayLike<number>[];
  /** Of the reference policy: [completion, token], nats. */
  referenceLogprobs: ArrayLike<number>[];
  /** Completion tokens of each row; the rest is padding. Default: the whole row. */
  lengths?: ArrayLike<number>;
}

/**
 * Takes the KL penalty off every completion's reward, as RLOO does where GRPO adds it to the loss:
 * r − β · Σ_t (logprob_t − referenceLogprob_t) (Ahmadian et al. 2024, equation 2; TRL's RLOO trainer). The estimate is k1,
 * so it may be negative.
 *
 * @example
 * ```ts
 * import { klInReward } from "../../mod.ts";
 * klInReward([1], { beta: 0.1, logprobs: [[-1, -1]], referenceLogprobs: [[-2, -1.5]] }); // [0.85]
 * ```
 */
export function klInReward(rewards: ArrayLike<number>, options: KlInRewardOptions): number[] {
  const { beta, logprobs, referenceLogprobs, lengths } = options;
  return Array.from(rewards, (reward, i) => {
    let kl = 0;
    const length = lengths?.[i] ?? logprobs[i].length;
    for (let t = 0; t < length; t++) kl += logprobs[i][t] - referenceLogprobs[i][t];
    return reward - beta * kl;
  });
}
