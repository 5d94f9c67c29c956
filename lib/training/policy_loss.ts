import {
  bandObjective,
  boundedWeight,
  clippedObjective,
  gammaWeight,
  softObjective,
} from "./policy_objective.ts";

/** Log-probabilities of sampled completions, a row a sequence, and what each sequence is worth. */
export interface PolicyLossInputs {
  /** Of the policy that is being trained: [sequence, token], nats. */
  logprobs: ArrayLike<number>[];
  /** Of the policy that sampled: [sequence, token]. Without them the ratio is 1 (one iteration a batch: REINFORCE). */
  oldLogprobs?: ArrayLike<number>[];
  /** Of the reference policy: [sequence, token]; needed when `beta` is not 0. */
  referenceLogprobs?: ArrayLike<number>[];
  /** One a sequence. */
  advantages: ArrayLike<number>;
  /** What each token's loss is multiplied by, its KL apart: `importanceCorrection`'s weights. [sequence, token] */
  corrections?: ArrayLike<number>[];
  /** Completion tokens of each sequence; the rest of its row is padding. Default: the whole row. */
  lengths?: ArrayLike<number>;
  /** Which sequences hit the token limit. */
  truncated?: ArrayLike<boolean>;
  /** Entropy of every predicted distribution, nats: [sequence, token]; needed when `topEntropyQuantile` is under 1. */
  entropy?: ArrayLike<number>[];
}

/** The losses of the GRPO family. */
export const policyLossNames = [
  "grpo",
  "bnpo",
  "dr_grpo",
  "dapo",
  "cispo",
  "sapo",
  "luspo",
  "vespo",
] as const;
/** One of the losses. */
export type PolicyLossName = typeof policyLossNames[number];

/** The options of the GRPO family. TRL's spelling is snake case unless said. */
export interface PolicyLossOptions {
  /**
   * What a token's loss is, and over what it is averaged. With the clipped ratio, −min(ρA, clip(ρ)A):
   * - `grpo`: mean over sequences of each sequence's mean (Shao et al. 2024, equation 3);
   * - `bnpo`: Σ / tokens of this batch;
   * - `dr_grpo`: Σ / (sequences · maxTokens) (Liu et al. 2025, section 3.2);
   * - `dapo`: Σ / tokens of the whole accumulated batch (Yu et al. 2025, equation 8), TRL's default;
   * - `luspo`: mean over sequences of each sequence's sum, for `importance: "sequence"` (LUSPO, arXiv 2602.05261).
   *
   * With other weights (`sg`: no gradient goes through it):
   * - `cispo`: −sg(min(ρ, ε_max))·A·log π, ε_max being `epsilonHigh`, averaged as `dapo` (MiniMax-M1, arXiv 2506.13585);
   * - `sapo`: −(4/τ)·σ(τ(ρ − 1))·A, averaged as `grpo` (arXiv 2511.20347);
   * - `vespo`: −sg(φ(Π ρ))·A·log π, averaged as `dapo` (arXiv 2602.10693).
   *
   * The default is the paper's own; `dapo` gives long completions the weight of their tokens.
   *
   * @default "grpo"
   */
  loss?: PolicyLossName;
  /**
   * What the ratio π/π_old is of: `token`; `sequence`, the geometric mean over the tokens (GSPO, Zheng et al. 2025,
   * equation 7); `trajectory`, the product over the tokens, which makes a completion one action (RLOO, Ahmadian et al. 2024).
   * TRL's `importance_sampling_level`, and its RLOO trainer for the last.
   *
   * @default "token"
   */
  importance?: "token" | "sequence" | "trajectory";
  /** The ratio is clipped below at 1 − epsilon. @default 0.2 */
  epsilon?: number;
  /** The ratio is clipped above at 1 + epsilonHigh (DAPO's clip-higher); `cispo`'s bound itself. @default epsilon */
  epsilonHigh?: number | null;
  /** Upper bound of the ratio where the advantage is negative (INTELLECT-2's two-sided clipping); TRL's `delta`. @default null */
  dualClip?: number | null;
  /** Weight of the KL term, added after clipping; 0 needs no reference. @default 0 */
  beta?: number;
  /**
   * The estimate of KL(policy ‖ reference) a token, with d = reference − logprob (Schulman 2020, "Approximating KL
   * divergence"): `k1` −d, `k2` d²/2, `k3` exp(d) − d − 1. TRL's GRPO has k3 only.
   *
   * @default "k3"
   */
  klEstimator?: "k1" | "k2" | "k3";
  /**
   * Multiply the KL term by the ratio, so that its gradient is that of the reverse KL (DeepSeek-V3.2, arXiv 2512.02556). TRL's
   * `use_bias_correction_kl`, there on by default.
   *
   * @default false
   */
  useBiasCorrectionKl?: boolean;
  /**
   * A sequence with a negative advantage whose mean log π_old − log π passes this teaches nothing (DeepSeek-V3.2, equation 9). TRL's
   * `off_policy_mask_threshold`.
   *
   * @default null
   */
  offPolicyMask?: number | null;
  /**
   * Instead of clipping the ratio: a token teaches nothing once its probability has left a band of this width around the sampler's in
   * the advantage's direction (DPPO, arXiv 2602.04879).
   *
   * @default null
   */
  dppo?: number | null;
  /** `sapo`'s τ where the advantage is positive. @default 1 */
  sapoTemperaturePos?: number;
  /** `sapo`'s τ elsewhere. @default 1.05 */
  sapoTemperatureNeg?: number;
  /** `vespo`'s k and λ where the advantage is not negative. @default 2 */
  vespoKPos?: number;
  /** vespo's decay λ where the advantage is not negative. @default 3 */
  vespoLambdaPos?: number;
  /** `vespo`'s k and λ where the advantage is negative. @default 3 */
  vespoKNeg?: number;
  /** vespo's decay λ where the advantage is negative. @default 2 */
  vespoLambdaNeg?: number;
  /**
   * Weight of the entropy bonus: the loss is less by this times the mean entropy of the tokens that are trained, whatever the loss
   * divides by; TRL's `entropy_coef`. Needs `entropy`.
   *
   * @default 0
   */
  entropyCoef?: number;
  /** Tokens over which the bonus is a mean, where these sequences are a part of more. Default: those trained here × accumulationSteps. */
  entropyTokens?: number;
  /** The limit on completion tokens, for `dr_grpo`; TRL's `max_completion_length`. */
  maxTokens?: number;
  /** Micro-batches an update: every loss but `dapo` is divided by it. @default 1 */
  accumulationSteps?: number;
  /** Completion tokens of the whole accumulated batch, for `dapo`. Default: those of this batch. */
  accumulationTokens?: number;
  /** Truncated sequences teach nothing, and still count as sequences; TRL's `mask_truncated_completions`. @default false */
  maskTruncated?: boolean;
  /** The share of tokens, those of highest entropy, that the policy term trains (Wang et al. 2025); KL keeps all. @default 1 */
  topEntropyQuantile?: number;
  /** The entropy from which on tokens are trained, where these sequences are a part of those that the share is of; see {@linkcode entropyFloor}. */
  entropyFloor?: number;
}

/** The loss, what is worth logging of it, and its gradient. */
export interface PolicyLoss {
  /** With the KL and the entropy bonus. */
  loss: number;
  /** The loss without its KL term. */
  policyLoss: number;
  /** Mean KL estimate a token, nats; 0 when beta is 0. */
  kl: number;
  /** Share of ratios that were clipped below (advantage < 0) and above (advantage > 0); a ratio a token or a sequence. */
  clipLow: number;
  /** The same at the high side. */
  clipHigh: number;
  /** How many ratios there are, and their mean. */
  ratios: number;
  /** Mean ratio. */
  ratioMean: number;
  /** Tokens that the loss covers. */
  tokens: number;
  /** ∂loss/∂logprobs, [sequence, token], 0 on padding: multiply it into the log-probabilities' backward pass. */
  gradient: Float64Array[];
  /** ∂loss/∂entropy, [sequence, token], where there is an entropy bonus. */
  entropyGradient?: Float64Array[];
  /** Tokens that the entropy bonus acts on, and the sum of their entropies. */
  entropyTokens: number;
  /** Sum of the entropies trained, nats. */
  entropySum: number;
}

/**
 * The clipped policy-gradient loss of the GRPO family and its exact gradient with respect to the log-probabilities.
 *
 * ℓ_t = −min(ρ_t A, clip(ρ_t, 1 − ε, 1 + ε_high) A) + β · kl_t, ρ = exp(logprob − oldLogprob), averaged as `loss` says.
 * Same numbers as TRL's `GRPOTrainer._compute_loss`; and as `RLOOTrainer._compute_loss` with
 * `{ loss: "grpo", importance: "trajectory" }`.
 *
 * Masks come from lengths, never from token ids. Non-finite inputs give a non-finite result and do not throw.
 *
 * @throws {RangeError} when a row is missing or too short, or an option is out of range.
 * @example
 * ```ts
 * import { policyLoss } from "../../mod.ts";
 * const { loss, gradient } = policyLoss(
 *   { logprobs: [[-1, -2]], oldLogprobs: [[-1, -2]], advantages: [1] },
 *   { loss: "grpo" },
 * ); // loss −1, gradient [[−0.5, −0.5]]
 * ```
 */
export function policyLoss(inputs: PolicyLossInputs, options: PolicyLossOptions = {}): PolicyLoss {
  const { loss = "grpo", importance = "token", epsilon = 0.2, dualClip = null, beta = 0 } = options;
  const { klEstimator = "k3", accumulationSteps = 1, maskTruncated = false, topEntropyQuantile = 1 } =
    options;
  const { useBiasCorrectionKl = false, offPolicyMask = null, dppo = null, entropyCoef = 0 } = options;
  validate(inputs, options);

  const { logprobs } = inputs, sequences = logprobs.length;
  const lengths = logprobs.map((row, i) =>
    maskTruncated && inputs.truncated![i] ? 0 : inputs.lengths?.[i] ?? row.length
  );
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const floor = options.entropyFloor ??
    (topEntropyQuantile < 1
      ? entropyFloor(
        inputs.entropy!.flatMap((row, i) => Array.from(row).slice(0, lengths[i])),
        topEntropyQuantile,
      )
      : -Infinity);
  const trained = (i: number, t: number) => floor === -Infinity || inputs.entropy![i][t] >= floor ? 1 : 0;

  const overSequences = (i: number) => sequences * Math.max(lengths[i], 1) * accumulationSteps,
    overTokens = () => Math.max(options.accumulationTokens ?? tokens, 1);
  const normaliser = {
    grpo: overSequences,
    sapo: overSequences,
    bnpo: () => Math.max(tokens, 1) * accumulationSteps,
    dr_grpo: () => sequences * options.maxTokens! * accumulationSteps,
    luspo: () => sequences * accumulationSteps,
    dapo: overTokens,
    cispo: overTokens,
    vespo: overTokens,
  }[loss];
  const high = 1 + (options.epsilonHigh ?? epsilon), clip = clippedObjective(1 - epsilon, high, dualClip);
  const { sapoTemperaturePos = 1, sapoTemperatureNeg = 1.05 } = options,
    soft = softObjective(sapoTemperaturePos, sapoTemperatureNeg);
  const { vespoKPos = 2, vespoLambdaPos = 3, vespoKNeg = 3, vespoLambdaNeg = 2 } = options;
  const likelihoodWeight = loss === "cispo"
    ? boundedWeight(options.epsilonHigh!)
    : loss === "vespo"
    ? gammaWeight({ vespoKPos, vespoLambdaPos, vespoKNeg, vespoLambdaNeg })
    : null;

  let policy = 0, klLoss = 0, klSum = 0, clippedLow = 0, clippedHigh = 0, ratioSum = 0, ratios = 0;
  const gradient = logprobs.map((row, i) => {
    const length = lengths[i], weight = 1 / normaliser(i), advantage = inputs.advantages[i];
    const result = new Float64Array(row.length), old = inputs.oldLogprobs?.[i];
    const logRatios = Array.from({ length }, (_, t) => old ? row[t] - old[t] : 0);
    const drift = -logRatios.reduce((sum, x) => sum + x, 0);
    const kept = offPolicyMask === null || advantage >= 0 || drift / Math.max(length, 1) <= offPolicyMask
      ? 1
      : 0;
    /** Of every token where ratios are of tokens, else of the sequence; and how far each follows a token's log-probability. */
    const scale = importance === "sequence" ? 1 / Math.max(length, 1) : 1;
    const logRatiosAtLevel = importance === "token" ? logRatios : [-drift * scale];
    const atLevel = (t: number) => importance === "token" ? t : 0;

    /** What a token's term counts: nothing where it is not trained, else its correction. */
    const counts = Float64Array.from(
      { length },
      (_, t) => kept * trained(i, t) * (inputs.corrections?.[i][t] ?? 1),
    );
    const trainedTokens = counts.reduce((sum, count) => sum + count, 0);
    for (const logRatio of logRatiosAtLevel) ratioSum += Math.exp(logRatio), ratios++;
    if (likelihoodWeight) {
      const weights = loss === "vespo"
        ? [likelihoodWeight(logRatios, advantage)]
        : logRatiosAtLevel.map((logRatio) => likelihoodWeight([logRatio], advantage));
      clippedHigh += weights.filter(({ clipped }) => clipped).length;
      for (let t = 0; t < length; t++) {
        const { weight: likelihood } = weights[loss === "vespo" ? 0 : atLevel(t)];
        const slope = -weight * counts[t] * likelihood * advantage;
        policy += slope * row[t];
        result[t] = slope;
      }
    } else {
      const terms = logRatiosAtLevel.map((logRatio, t) => {
        const objective = loss === "sapo"
          ? soft
          : dppo === null
          ? clip
          : bandObjective(dppo, old?.[t] ?? row[t]);
        return objective(logRatio, advantage);
      });
      clippedLow += terms.filter(({ clipped }) => clipped === "low").length;
      clippedHigh += terms.filter(({ clipped }) => clipped === "high").length;
      if (importance === "token") {
        for (let t = 0; t < length; t++) {
          policy += weight * counts[t] * terms[t].value;
          result[t] = weight * counts[t] * terms[t].slope;
        }
      } else {
        policy += weight * trainedTokens * terms[0].value;
        result.fill(weight * trainedTokens * terms[0].slope * scale, 0, length);
      }
    }
    if (beta !== 0) {
      let shared = 0;
      for (let t = 0; t < length; t++) {
        const [kl, slope] = klEstimate(inputs.referenceLogprobs![i][t] - row[t], klEstimator);
        const ratio = useBiasCorrectionKl ? Math.exp(logRatiosAtLevel[atLevel(t)]) : 1;
        klSum += ratio * kl;
        klLoss += weight * beta * ratio * kl;
        result[t] += weight * beta * ratio * slope;
        if (!useBiasCorrectionKl) continue;
        if (importance === "token") result[t] += weight * beta * ratio * kl;
        else shared += weight * beta * ratio * kl * scale;
      }
      // a sequence's ratio follows each of its log-probabilities
      for (let t = 0; t < length && shared !== 0; t++) result[t] += shared;
    }
    return result;
  });

  let entropySum = 0, entropyTokens = 0;
  const acting = inputs.entropy
    ? inputs.entropy.map((row, i) =>
      Float64Array.from(row, (entropy, t) => {
        const acts = t < lengths[i] ? trained(i, t) : 0;
        entropyTokens += acts;
        entropySum += acts * entropy;
        return acts;
      })
    )
    : [];
  const share = entropyCoef / (options.entropyTokens ?? Math.max(entropyTokens, 1) * accumulationSteps);
  return {
    loss: policy + klLoss - share * entropySum,
    policyLoss: policy,
    kl: klSum / Math.max(tokens, 1),
    clipLow: clippedLow / Math.max(ratios, 1),
    clipHigh: clippedHigh / Math.max(ratios, 1),
    ratios,
    ratioMean: ratios === 0 ? 1 : ratioSum / ratios,
    tokens,
    gradient,
    ...(entropyCoef === 0 ? {} : { entropyGradient: acting.map((row) => row.map((acts) => -share * acts)) }),
    entropyTokens,
    entropySum,
  };
}

/** The estimate for d = reference − logprob, and its derivative with respect to logprob. */
function klEstimate(d: number, estimator: "k1" | "k2" | "k3"): [number, number] {
  if (estimator === "k1") return [-d, 1];
  if (estimator === "k2") return [d * d / 2, -d];
  return [Math.exp(d) - d - 1, 1 - Math.exp(d)];
}

/** The entropy that the `share` of tokens with the most of it has at least. */
export function entropyFloor(entropies: number[], share: number): number {
  return quantile(entropies, 1 - share);
}

/** The q-quantile with linear interpolation, as `torch.quantile`; Infinity of nothing. */
function quantile(values: number[], q: number): number {
  if (values.length === 0) return Infinity;
  const sorted = Float64Array.from(values).sort(), position = q * (sorted.length - 1);
  const below = Math.floor(position), above = Math.ceil(position);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}

function validate(inputs: PolicyLossInputs, options: PolicyLossOptions): void {
  const problems: string[] = [];
  const { logprobs, lengths } = inputs, sequences = logprobs.length;
  const rows = (
    name: "oldLogprobs" | "corrections" | "referenceLogprobs" | "entropy",
    needed: boolean,
    why = "",
  ) => {
    const matrix = inputs[name];
    if (needed && !matrix) problems.push(`${name} is missing: ${why}`);
    if (matrix && matrix.length !== sequences) {
      problems.push(`${name} has ${matrix.length} rows, logprobs has ${sequences}`);
    }
    matrix?.forEach((row, i) => {
      const length = lengths?.[i] ?? logprobs[i]?.length ?? 0;
      if (row.length < length) {
        problems.push(`${name}[${i}] has ${row.length} tokens, the sequence has ${length}`);
      }
    });
  };
  const one = <T>(name: string, value: T, allowed: readonly T[]) => {
    if (value !== undefined && !allowed.includes(value)) {
      problems.push(`${name} must be one of ${allowed.join(", ")}, not ${value}`);
    }
  };
  const { epsilon = 0.2, epsilonHigh, dualClip, beta = 0, topEntropyQuantile = 1 } = options;
  const { loss = "grpo", importance = "token", offPolicyMask, dppo, entropyCoef = 0 } = options;
  one("loss", loss, policyLossNames);
  one("importance", importance, ["token", "sequence", "trajectory"]);
  one("klEstimator", options.klEstimator, ["k1", "k2", "k3"]);
  if (!(epsilon >= 0)) problems.push(`epsilon must be at least 0, not ${epsilon}`);
  if (epsilonHigh != null && !(epsilonHigh >= 0)) {
    problems.push(`epsilonHigh must be at least 0, not ${epsilonHigh}`);
  }
  if (dualClip != null && !(dualClip > 1 + (epsilonHigh ?? epsilon))) {
    problems.push(
      `dualClip must be above 1 + epsilonHigh (${1 + (epsilonHigh ?? epsilon)}), not ${dualClip}`,
    );
  }
  if (!(topEntropyQuantile > 0 && topEntropyQuantile <= 1)) {
    problems.push(`topEntropyQuantile must be in (0, 1], not ${topEntropyQuantile}`);
  }
  if (loss === "cispo" && epsilonHigh == null) {
    problems.push(`epsilonHigh must be given for loss "cispo", which bounds the ratio by it`);
  }
  if (loss === "vespo" && importance !== "token") {
    problems.push(
      `importance must be "token" for loss "vespo", which makes a sequence's ratio itself, not "${importance}"`,
    );
  }
  if (offPolicyMask != null && !(offPolicyMask > 0)) {
    problems.push(`offPolicyMask must be above 0, not ${offPolicyMask}`);
  }
  if (dppo != null && !(dppo > 0 && dppo < 1)) problems.push(`dppo must be between 0 and 1, not ${dppo}`);
  if (dppo != null && (importance !== "token" || ["cispo", "sapo", "vespo"].includes(loss))) {
    problems.push(
      `dppo goes with ratios of tokens that would be clipped, not with ${importance} ratios of loss "${loss}"`,
    );
  }
  for (const name of ["sapoTemperaturePos", "sapoTemperatureNeg"] as const) {
    if (options[name] !== undefined && !(options[name] > 0)) {
      problems.push(`${name} must be above 0, not ${options[name]}`);
    }
  }
  if (loss === "dr_grpo" && !(options.maxTokens! > 0)) {
    problems.push(`maxTokens must be given for loss "dr_grpo", which divides by it`);
  }
  if (inputs.advantages.length !== sequences) {
    problems.push(`advantages has ${inputs.advantages.length} entries, logprobs has ${sequences} rows`);
  }
  if (lengths && lengths.length !== sequences) {
    problems.push(`lengths has ${lengths.length} entries, logprobs has ${sequences} rows`);
  }
  logprobs.forEach((row, i) => {
    if (lengths && !(lengths[i] >= 0 && lengths[i] <= row.length)) {
      problems.push(`lengths[${i}] must be between 0 and its row's ${row.length} tokens, not ${lengths[i]}`);
    }
  });
  if (options.maskTruncated && !inputs.truncated) {
    problems.push("truncated is missing: maskTruncated needs it");
  }
  rows("oldLogprobs", false);
  rows("corrections", false);
  rows("referenceLogprobs", beta !== 0, `beta is ${beta}; pass the reference policy's, or beta 0`);
  rows("entropy", topEntropyQuantile < 1, `topEntropyQuantile is ${topEntropyQuantile}`);
  rows("entropy", entropyCoef !== 0, `entropyCoef is ${entropyCoef}`);
  if (problems.length > 0) throw new RangeError(`policyLoss(): ${problems.join("; ")}`);
}
