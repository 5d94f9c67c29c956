/** The options by which the members of the GRPO family differ. */
export interface Algorithm {
  advantage: "group" | "batch" | "none" | "rloo";
  loss: "grpo" | "bnpo" | "dr_grpo" | "dapo";
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
 * - `gspo`: Zheng et al. 2025: sequence-level ratios, and clipping as tight as section 5.1 has it.
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
} as const satisfies Record<string, Algorithm>;
