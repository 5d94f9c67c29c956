import type { Decoder } from "../models/decoder.ts";
import type { Completion } from "../models/causal_lm.ts";
import { anneal, type Scheduled } from "../schedules/anneal.ts";
import { accumulate } from "../training/accumulate.ts";
import type { Gradients } from "../training/backward.ts";
import type { PassBudget } from "../training/pass_budget.ts";
import { policyLoss } from "../training/policy_loss.ts";
import type { ReferencePolicy } from "../training/reference_policy.ts";
import type { StepMetrics } from "../training/run.ts";
import { EntropyFloors } from "./entropy_floors.ts";
import type { GrpoConfig } from "./grpo_schema.ts";
import { type AdvantagedBatch, rolloutSequences } from "./rollout_batch.ts";

/** Options of {@linkcode policyGradients}. */
export interface PolicyGradientOptions {
  /** What the KL in the loss is measured against; `null` where beta is 0. */
  reference: ReferencePolicy | null;
  /** Weight of the entropy bonus. */
  entropyCoef: number;
  /** Decides how many of the rollouts go through the model at once. */
  budget: PassBudget;
  /** GRPO's options. */
  config: GrpoConfig;
  /** The update's number, from 0. */
  index: number;
  /** Ends the update between two passes. */
  signal: AbortSignal;
  /** Completions whose log-probabilities, as the update finds them, are wanted in `traces`. @default none */
  traced?: readonly Completion[];
}

/** A completion's tokens as an update finds them. */
export interface TokenTrace {
  /** Of the policy, nats. */
  logprobs: number[];
  /** Absent where no KL is in the loss. */
  referenceLogprobs?: number[];
}

/** The gradients of the policy's loss on some rollouts, and what is worth logging of it. */
export interface PolicyGradients {
  /** By variable name; the owner disposes of them. */
  gradients: Gradients;
  /** Of the whole batch. */
  loss: number;
  /** Mean entropy of the tokens that the entropy bonus acts on. */
  trainedEntropy: number;
  /** Of the completions that were asked for. */
  traces: Map<Completion, TokenTrace>;
  /** For the log. */
  metrics: Pick<
    StepMetrics,
    "loss" | "policyLoss" | "entropy" | "kl" | "clipLow" | "clipHigh" | "samplerRatio" | "tokens"
  >;
}

/** Sends rollouts and their advantages through the policy and its loss, pass by pass, as the configuration of GRPO has it. */
export async function policyGradients(
  decoder: Decoder,
  { groups, kl, samplerRatio, advantages }: AdvantagedBatch,
  { reference, entropyCoef, budget, config, index, signal, traced = [] }: PolicyGradientOptions,
): Promise<PolicyGradients> {
  const now = (value: Scheduled) => anneal(value).at(index, config.steps);
  const { loss, maskTruncated, gradientAccumulation } = config;
  const temperature = now(config.temperature), beta = config.klInReward ? 0 : now(config.beta);
  const each = advantages.flat();
  const batch = rolloutSequences(groups).map((sequence, i) => ({ ...sequence, advantage: each[i] }));
  const trainedTokens = (sequences: readonly typeof batch[number][]) =>
    sequences.reduce(
      (sum, { completion, rollout }) => sum + (maskTruncated && rollout.truncated ? 0 : completion.length),
      0,
    );
  const allTokens = trainedTokens(batch), size = config.microBatch;
  // the first update from a batch of its own policy has ratios of 1
  const offPolicy = config.iterations > 1 || config.replay !== null;
  const options = {
    loss,
    importance: config.importance,
    epsilon: now(config.epsilon),
    epsilonHigh: config.epsilonHigh === null ? null : now(config.epsilonHigh),
    dualClip: config.dualClip,
    beta,
    klEstimator: config.klEstimator,
    maxTokens: config.maxTokens,
    accumulationTokens: allTokens,
    maskTruncated,
    topEntropyQuantile: config.topEntropyQuantile,
    useBiasCorrectionKl: config.useBiasCorrectionKl,
    offPolicyMask: config.offPolicyMask,
    dppo: config.dppo,
    sapoTemperaturePos: config.sapoTemperaturePos,
    sapoTemperatureNeg: config.sapoTemperatureNeg,
    vespoKPos: config.vespoKPos,
    vespoLambdaPos: config.vespoLambdaPos,
    vespoKNeg: config.vespoKNeg,
    vespoLambdaNeg: config.vespoLambdaNeg,
    entropyCoef,
  };

  const floors = new EntropyFloors<typeof batch[number]>(decoder, {
    budget,
    size,
    temperature,
    share: config.topEntropyQuantile,
    trained: (sequence) => trainedTokens([sequence]) > 0,
  });

  const traces = new Map<Completion, TokenTrace>();
  const { gradients, tokens, entropy, sums, loss: sum } = await accumulate(
    decoder,
    batch,
    async ({ sequences, part, tokens }) => {
      const referenceLogprobs = beta > 0 ? await reference!.logprobs(tokens, temperature) : undefined;
      const rollouts = sequences.map(({ rollout }) => rollout);
      const high = config.topEntropyQuantile < 1 && sequences.length < part.length
        ? await floors.of(part)
        : undefined;
      const acting = high?.tokens ?? (config.topEntropyQuantile < 1 ? undefined : trainedTokens(part));
      // a pass is weighted so that cutting a part into several changes nothing
      const accumulationSteps = gradientAccumulation *
        (loss === "bnpo"
          ? trainedTokens(part) / Math.max(1, trainedTokens(sequences))
          : part.length / sequences.length);
      return (values) => {
        const logprobs = tokens.split(values.logprobs);
        for (const [i, rollout] of rollouts.entries()) {
          if (!traced.includes(rollout)) continue;
          traces.set(rollout, {
            logprobs: Array.from(logprobs[i]),
            referenceLogprobs: referenceLogprobs && Array.from(referenceLogprobs[i]),
          });
        }
        const policy = policyLoss({
          logprobs,
          oldLogprobs: offPolicy ? rollouts.map(({ logprobs }) => logprobs) : undefined,
          referenceLogprobs,
          advantages: sequences.map(({ advantage }) => advantage),
          corrections: sequences[0].correction && sequences.map(({ correction }) => correction!),
          truncated: rollouts.map(({ truncated }) => truncated),
          entropy: tokens.split(values.entropy),
        }, {
          ...options,
          accumulationSteps,
          entropyFloor: high?.floor,
          entropyTokens: acting === undefined ? undefined : Math.max(1, acting) * gradientAccumulation,
        });
        return {
          loss: policy.loss,
          gradient: joined(policy.gradient, tokens.tokens),
          entropyGradient: policy.entropyGradient && joined(policy.entropyGradient, tokens.tokens),
          sums: {
            policyLoss: policy.policyLoss,
            kl: policy.kl * policy.tokens,
            clipLow: policy.clipLow * policy.ratios,
            clipHigh: policy.clipHigh * policy.ratios,
            ratios: policy.ratios,
            entropySum: policy.entropySum,
            entropyTokens: policy.entropyTokens,
          },
        };
      };
    },
    {
      parts: gradientAccumulation,
      size,
      temperature,
      entropyTrainable: entropyCoef !== 0,
      budget,
      dropout: { seed: config.seed, step: index },
      signal,
    },
  );
  return {
    gradients,
    loss: sum,
    trainedEntropy: sums.entropySum / Math.max(1, sums.entropyTokens),
    traces,
    metrics: {
      loss: sum,
      policyLoss: sums.policyLoss,
      entropy: entropy / tokens,
      kl: config.klInReward ? kl : beta > 0 ? sums.kl / Math.max(1, allTokens) : undefined,
      clipLow: sums.clipLow / Math.max(1, sums.ratios),
      clipHigh: sums.clipHigh / Math.max(1, sums.ratios),
      ...(samplerRatio ? { samplerRatio } : {}),
      tokens,
    },
  };
}

/** Rows one after the other. */
function joined(rows: ArrayLike<number>[], length: number): Float32Array {
  const values = new Float32Array(length);
  let place = 0;
  for (const row of rows) {
    values.set(row, place);
    place += row.length;
  }
  return values;
}
