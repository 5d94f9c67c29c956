import type { AdvantageName } from "./advantages.ts";
import type { PolicyLossName } from "./policy_loss.ts";

/** The options by which the members of the GRPO family differ. */
export interface Algorithm {
  advantage: AdvantageName;
  loss: PolicyLossName;
  importance: "token" | "sequence" | "trajectory";
  epsilon: number;
  epsilonHigh: number | null;
  /** Where the KL penalty goes when beta is above 0: into the loss, or off the reward (`klInReward`). */
  klIn: "loss" | "reward";
  /** Whether groups whose rewards are all equal are dropped and resampled. */
  dropZeroVariance: boolean;
  maskTruncated: boolean;
}

const grpo: Algorithm = {
  advantage: "group",
  loss: "grpo",
  importance: "token",
  epsilon: 0.2,
  epsilonHigh: null,
  klIn: "loss",
  dropZeroVariance: false,
  maskTruncated: false,
};

/**
 * Each algorithm as a set of options for the same stage, so that none is a copy of another.
 *
 * - `grpo`: Shao et al. 2024, "DeepSeekMath", section 4.1;
 * - `rloo`: Ahmadian et al. 2024, "Back to Basics": a completion is one action, its baseline the mean of the others;
 * - `dapo`: Yu et al. 2025: clip-higher, token mean over the whole batch, dynamic sampling, overlong filtering;
 * - `dr_grpo`: Liu et al. 2025, "Understanding R1-Zero-like training": no division by length or deviation;
 * - `bnpo`: GRPO with the mean over the batch's tokens, TRL's `loss_type="bnpo"` as DAGGER trains;
 * - `gspo`: Zheng et al. 2025: sequence-level ratios, and clipping as tight as section 5.1 has it;
 * - `cispo`: MiniMax-M1 (2025): the ratio is bounded as a weight of log π, so that no token loses its gradient; the bound 5 is ScaleRL's;
 * - `sapo`: Gao et al. 2025: a soft gate instead of clipping, narrower where the advantage is negative;
 * - `luspo`: 2026: GSPO with each sequence's loss times its length, so that length is no bias;
 * - `vespo`: Shen et al. 2026: a smooth weight of the whole sequence's ratio instead of clipping;
 * - `maxrl`: Tajwar et al. 2026: advantages by the share of successes, for rewards of 0 and 1.
 *
 * @example
 * ```ts
 * import { algorithms } from "../../mod.ts";
 * algorithms.rloo.importance; // "trajectory"
 * ```
 */
export const algorithms = {
  grpo,
  rloo: { ...grpo, advantage: "rloo", importance: "trajectory", klIn: "reward" },
  dapo: { ...grpo, loss: "dapo", epsilonHigh: 0.28, dropZeroVariance: true, maskTruncated: true },
  dr_grpo: { ...grpo, advantage: "none", loss: "dr_grpo" },
  bnpo: { ...grpo, loss: "bnpo" },
  gspo: { ...grpo, importance: "sequence", epsilon: 3e-4, epsilonHigh: 4e-4 },
  cispo: { ...grpo, loss: "cispo", epsilonHigh: 5 },
  sapo: { ...grpo, loss: "sapo" },
  luspo: { ...grpo, loss: "luspo", importance: "sequence", epsilon: 3e-4, epsilonHigh: 4e-4 },
  vespo: { ...grpo, loss: "vespo" },
  maxrl: { ...grpo, advantage: "maxrl" },
} as const satisfies Record<string, Algorithm>;
