/** What an objective says of one ratio: the loss and its derivative with respect to the ratio's logarithm. */
export interface RatioTerm {
  value: number;
  slope: number;
  /** Whether the ratio has left its range in the direction that the advantage pulls: below, above or not. */
  clipped: "low" | "high" | null;
}

/** The loss of one ratio ρ, given log ρ and the advantage A: of a token, or of a sequence. */
export type RatioObjective = (logRatio: number, advantage: number) => RatioTerm;

/** −min(ρA, clip(ρ, 1 − ε_low, 1 + ε_high) A), ρ bounded by `dualClip` where A is negative. */
export function clippedObjective(low: number, high: number, dualClip: number | null): RatioObjective {
  return (logRatio, advantage) => {
    const ratio = Math.exp(logRatio), bounded = dualClip === null ? ratio : Math.min(ratio, dualClip);
    const flat = advantage >= 0 ? ratio > high : ratio < low || (dualClip !== null && ratio > dualClip);
    return {
      value: -Math.min(bounded * advantage, Math.min(Math.max(ratio, low), high) * advantage),
      slope: flat ? 0 : -ratio * advantage,
      clipped: ratio < low && advantage < 0 ? "low" : ratio > high && advantage > 0 ? "high" : null,
    };
  };
}

/** −(4/τ)·σ(τ(ρ − 1))·A, τ by the sign of A: a gate that closes softly (SAPO, Gao et al. 2025, arXiv 2511.20347). */
export function softObjective(positive: number, negative: number): RatioObjective {
  return (logRatio, advantage) => {
    const ratio = Math.exp(logRatio), temperature = advantage > 0 ? positive : negative;
    const gate = 1 / (1 + Math.exp(-temperature * (ratio - 1)));
    return {
      value: -4 / temperature * gate * advantage,
      slope: -4 * gate * (1 - gate) * ratio * advantage,
      clipped: null,
    };
  };
}

/** The factor of −A·log π in a weighted likelihood; it is no part of the gradient. */
export type LikelihoodWeight = (
  logRatios: number[],
  advantage: number,
) => { weight: number; clipped: boolean };

/** min(ρ, ε_max) of one ratio (CISPO: MiniMax-M1, arXiv 2506.13585, equation 4, with the upper bound alone as in ScaleRL). */
export const boundedWeight = (most: number): LikelihoodWeight => ([logRatio], advantage) => {
  const ratio = Math.exp(logRatio);
  return { weight: Math.min(ratio, most), clipped: ratio > most && advantage > 0 };
};

/** The exponents of `vespo`, by the sign of the advantage. */
export interface GammaOptions {
  vespoKPos: number;
  vespoLambdaPos: number;
  vespoKNeg: number;
  vespoLambdaNeg: number;
}

/**
 * φ(w) = e^λ·w^k·e^(−λw), w the product of a sequence's ratios, k and λ by the sign of A: 1 at w = 1, and falling on both sides (VESPO,
 * Shen et al. 2026, arXiv 2602.10693). w is bounded as in TRL.
 */
export function gammaWeight(
  { vespoKPos, vespoLambdaPos, vespoKNeg, vespoLambdaNeg }: GammaOptions,
): LikelihoodWeight {
  const bounded = (value: number, low: number) => Math.min(20, Math.max(low, value));
  return (logRatios, advantage) => {
    const k = advantage >= 0 ? vespoKPos : vespoKNeg,
      lambda = Math.max(1e-4, advantage >= 0 ? vespoLambdaPos : vespoLambdaNeg);
    const logWeight = bounded(logRatios.reduce((sum, x) => sum + bounded(x, -20), 0), Math.log(1e-8));
    const weight = Math.exp(lambda + k * logWeight - lambda * Math.exp(logWeight));
    return { weight: Number.isFinite(weight) ? weight : 0, clipped: false };
  };
}

/**
 * −ρA until the token's probability has left a band around the sampler's in the advantage's direction, then nothing: |π − π_old| > δ
 * (DPPO's binary total variation, Qi et al. 2026, arXiv 2602.04879).
 */
export function bandObjective(band: number, oldLogprob: number): RatioObjective {
  return (logRatio, advantage) => {
    const ratio = Math.exp(logRatio), old = Math.exp(oldLogprob), moved = Math.abs(old * ratio - old) > band;
    const out = moved && (advantage > 0 ? ratio > 1 : ratio < 1) && advantage !== 0;
    return {
      value: out ? 0 : -ratio * advantage,
      slope: out ? 0 : -ratio * advantage,
      clipped: out ? (advantage > 0 ? "high" : "low") : null,
    };
  };
}
