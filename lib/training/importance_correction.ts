/** How far the trainer's log-probabilities are from the sampler's is taken into the loss. TRL: `vllm_importance_sampling_*`. */
export interface ImportanceCorrectionOptions {
  /**
   * Ratios of tokens or of whole completions; outside their bounds they are cut to the bound (`truncate`: TIS, Yao et al. 2025) or made 0 (`mask`:
   * IcePop, Ling Team 2025). TRL: `vllm_importance_sampling_mode`.
   *
   * @default "sequence_mask"
   */
  mode?: "token_truncate" | "token_mask" | "sequence_truncate" | "sequence_mask";
  /** Upper bound C. TRL: `vllm_importance_sampling_clip_max`. @default 3 */
  max?: number;
  /** Lower bound; `null`: none. TRL: `vllm_importance_sampling_clip_min`. @default null */
  min?: number | null;
}

/** What {@linkcode importanceCorrection} gives. */
export interface ImportanceCorrection {
  /** What each token's loss is multiplied by, [sequence, token]. */
  weights: Float64Array[];
  /** The ratios before their bounds, of tokens or of sequences: smallest, mean, largest. */
  ratio: { min: number; mean: number; max: number };
  /** Share of the ratios outside their bounds. */
  outside: number;
}

/**
 * Weights that correct a loss for completions drawn by another program than the one that trains: ρ = π/μ from the trainer's log-probabilities and
 * the sampler's, of each token or, as a product, of a whole completion, kept within bounds.
 *
 * @param trainer log π, [sequence, token], nats
 * @param sampler log μ, of the same shape
 * @throws {RangeError} when the shapes differ
 * @example
 * ```ts
 * import { importanceCorrection } from "../../mod.ts";
 * importanceCorrection([[-1, -2]], [[-1, -3]], { mode: "token_truncate", max: 2 }).weights[0]; // [1, 2]: e is cut to 2
 * ```
 */
export function importanceCorrection(
  trainer: readonly ArrayLike<number>[],
  sampler: readonly ArrayLike<number>[],
  { mode = "sequence_mask", max = 3, min = null }: ImportanceCorrectionOptions = {},
): ImportanceCorrection {
  if (trainer.length !== sampler.length || trainer.some((row, i) => row.length !== sampler[i].length)) {
    throw new RangeError(
      "importanceCorrection() needs the trainer's and the sampler's log-probabilities of the same tokens",
    );
  }
  const ofSequences = mode.startsWith("sequence"), masks = mode.endsWith("mask"), low = min ?? -Infinity;
  const ratios: number[] = [];
  let outside = 0;
  const bounded = (logRatio: number) => {
    const ratio = Math.exp(logRatio);
    ratios.push(ratio);
    if (ratio >= low && ratio <= max) return ratio;
    outside++;
    return masks ? 0 : Math.min(max, Math.max(low, ratio));
  };
  const weights = trainer.map((row, i) => {
    const logRatios = Float64Array.from(row, (logprob, t) => logprob - sampler[i][t]);
    return ofSequences
      ? new Float64Array(row.length).fill(bounded(logRatios.reduce((sum, x) => sum + x, 0)))
      : logRatios.map(bounded);
  });
  const count = Math.max(1, ratios.length);
  return {
    weights,
    ratio: {
      min: ratios.reduce((least, ratio) => Math.min(least, ratio), Infinity),
      mean: ratios.reduce((sum, ratio) => sum + ratio, 0) / count,
      max: ratios.reduce((most, ratio) => Math.max(most, ratio), 0),
    },
    outside: outside / count,
  };
}
