import type { RunConfig } from "../../config/schema.ts";
import { anneal } from "../../schedules/anneal.ts";
import { learningRateParts } from "../learning_rate_parts.ts";
import {
  type EngineOptions,
  everywhere,
  type GrpoSection,
  type LoraSection,
  none,
  ours,
  type Rules,
  same,
  type SftSection,
  startOf,
  translate,
  type Translated,
} from "../option_fate.ts";

const curves = { constant: "constant_with_warmup", linear: "linear", cosine: "cosine_with_min_lr" };

/** The learning rate of the options that begin with `prefix`: transformers' curves, warm-up as a share. */
const learningRate =
  (prefix: string) => (rate: GrpoSection["learningRate"], { steps }: { steps: number }): Translated => {
    const { kind, peak, warmupSteps, finalRatio } = learningRateParts(rate, steps);
    return {
      theirs: {
        [`${prefix}adam.lr`]: peak,
        [`${prefix}lr_scheduler`]: curves[kind],
        [`${prefix}lr_warmup_ratio`]: warmupSteps / steps,
        [`${prefix}min_lr_ratio`]: finalRatio,
      },
      fate: kind === "linear" && finalRatio > 0 ? "approximated" : "same",
      ...(kind === "linear" && finalRatio > 0 ? { note: "falls to 0 there, not to `final`" } : {}),
    };
  };

/** A flag stands alone where it is true. */
const flag = (name: string) => (value: boolean): Translated => ({
  theirs: value ? { [name]: true } : {},
  fate: "same",
});

const common = (prefix: string, checkpointing: string) => ({
  ...everywhere,
  seed: same("train.seed"),
  chatTemplateOptions: none("the template gets no options", undefined),
  gradientAccumulation: ours,
  checkpointing: flag(checkpointing),
  weightDecay: startOf(`${prefix}adam.weight_decay`),
  betas: same(`${prefix}adam.betas`),
  maxGradNorm: startOf(`${prefix}max_norm`),
  checkpointEvery: (value: number | null): Translated => ({
    theirs: { "ckpt.save_steps": value ?? -1 },
    fate: "same",
  }),
  keepCheckpoints: same("ckpt.max_num"),
});

const sftRules: Rules<SftSection> = {
  ...common("", "model.gradient_checkpointing_enable"),
  steps: (value, { batchSize }) => ({
    theirs: { "data.max_samples": value * batchSize, "train.max_epochs": 1 },
    fate: "same",
    note: "as many rows as the steps take",
  }),
  batchSize: same("train.batch_size"),
  learningRate: learningRate(""),
  maxLength: same("data.max_len"),
  packing: flag("ds.packing_samples"),
  demonstrations: () => ({ fate: "same", note: "written into the data" }),
};

const estimators = {
  group: "group_norm",
  none: "dr_grpo",
  rloo: "rloo",
  batch: "reinforce_baseline",
  maxrl: "dr_grpo",
};
/** Advantages and losses that are something else there. */
const nearlyThere: Partial<Record<GrpoSection["advantage"], string>> = {
  batch: "the group's mean, then the batch's deviation",
  maxrl: "not divided by the group's mean there",
};
const otherLosses: Partial<Record<GrpoSection["loss"], string>> = {
  dr_grpo: "divided by the tokens there, by the longest length here",
  cispo: "the clipped loss there",
  sapo: "the clipped loss there",
  luspo: "the clipped loss there",
  vespo: "the clipped loss there",
};

const grpoRules: Rules<GrpoSection> = {
  ...common("actor.", "actor.gradient_checkpointing_enable"),
  algorithm: () => ({ fate: "same", note: "its options, below" }),
  steps: (value, { promptsPerStep }) => ({
    theirs: { "data.max_samples": value * promptsPerStep, "train.num_episodes": 1 },
    fate: "same",
    note: "as many rows as the steps take",
  }),
  promptsPerStep: (value, { generations }) => ({
    theirs: { "rollout.batch_size": value, "train.batch_size": value * generations },
    fate: "same",
  }),
  generations: same("rollout.n_samples_per_prompt"),
  microBatch: (value) =>
    value === null
      ? { theirs: { "train.dynamic_batch_enable": true }, fate: "same" }
      : same("train.micro_batch_size")(value),
  iterations: same("train.max_epochs"),
  learningRate: learningRate("actor."),
  advantage: (value) => ({
    theirs: { "algo.advantage.estimator": estimators[value] },
    fate: value in nearlyThere ? "approximated" : "same",
    ...(value in nearlyThere ? { note: nearlyThere[value] } : {}),
  }),
  normalize: none("advantages are not normalised again", false),
  normalizeThenSum: none("the server gives totals: rewards are summed before they are normalised", false),
  loss: (value) => ({
    theirs: {
      "actor.loss_agg_mode": value === "grpo" || value === "sapo" ? "seq-mean-token-mean" : "token-mean",
    },
    fate: value === "dr_grpo" ? "approximated" : value in otherLosses ? "none" : "same",
    ...(value in otherLosses ? { note: otherLosses[value] } : {}),
  }),
  importance: (value) =>
    value === "trajectory"
      ? { fate: "none", note: "ratios of tokens or, as GSPO, of sequences" }
      : { theirs: { "actor.policy_loss_type": value === "sequence" ? "gspo" : "ppo" }, fate: "same" },
  beta: startOf("algo.kl.init_coef"),
  klEstimator: same("algo.kl.estimator"),
  klInReward: (value) => flag("algo.kl.use_loss")(!value),
  referenceEvery: none("the reference stays as it was at the start", null),
  referenceMixup: ours,
  epsilon: (value, { epsilonHigh }) => {
    const first = (bound: typeof value) => anneal(bound).at(0, 2),
      moves = [value, epsilonHigh].some((bound) => typeof bound === "object" && bound !== null);
    return {
      theirs: { "actor.eps_clip_low_high": [first(value), first(epsilonHigh ?? value)] },
      fate: moves ? "approximated" : "same",
      ...(moves ? { note: "a schedule here, its first value there" } : {}),
    };
  },
  epsilonHigh: () => ({ fate: "same", note: "with epsilon" }),
  dualClip: (value) => value === null ? { fate: "same" } : same("actor.dual_clip")(value),
  dppo: none("a token is clipped, not dropped", null),
  replay: none("nothing is replayed", null),
  offPolicyMask: none("no sequence is masked", null),
  useBiasCorrectionKl: flag("algo.kl.unbiased_gradient"),
  importanceCorrection: (value) => ({
    theirs: value === null ? { "algo.advantage.is_correction_level": "off" } : {
      "algo.advantage.is_correction_level": value.mode.startsWith("token") ? "token" : "seq",
      "algo.advantage.is_correction_mode": value.mode.endsWith("mask") ? "mask" : "clip",
      "algo.advantage.is_correction_threshold": [value.min ?? 0, value.max],
    },
    fate: "same",
  }),
  sapoTemperaturePos: none("no sapo", 1),
  sapoTemperatureNeg: none("no sapo", 1.05),
  vespoKPos: none("no vespo", 2),
  vespoLambdaPos: none("no vespo", 3),
  vespoKNeg: none("no vespo", 3),
  vespoLambdaNeg: none("no vespo", 2),
  entropyCoef: startOf("actor.entropy_coef"),
  entropyTarget: none("the bonus does not adapt", null),
  entropyCoefDelta: ours,
  entropyCoefMin: ours,
  entropyCoefMax: ours,
  topEntropyQuantile: none("trains on all tokens", 1),
  maskTruncated: none("truncated completions are trained on", false),
  dropZeroVariance: (value) => ({
    theirs: value ? { "algo.dynamic_filtering_enable": true, "algo.dynamic_filtering_range": [0, 1] } : {},
    fate: value ? "approximated" : "same",
    ...(value ? { note: "drops groups whose mean score is not between 0 and 1" } : {}),
  }),
  temperature: startOf("rollout.temperature"),
  topK: none("samples from all tokens", 0),
  topP: same("rollout.top_p"),
  minP: none("no min_p in its rollouts", 0),
  maxTokens: same("rollout.max_new_tokens"),
};

const loraRules: Rules<LoraSection> = {
  name: ours,
  rank: same("ds.lora.rank"),
  alpha: (value, { rank }) => ({ theirs: { "ds.lora.alpha": value ?? 2 * rank }, fate: "same" }),
  dropout: same("ds.lora.dropout"),
  targets: (value) => ({
    theirs: { "ds.lora.target_modules": value === "all" ? "all-linear" : value },
    fate: "same",
  }),
  exclude: none("no layers are left out", null),
  rankStabilized: none("scaled by alpha / rank", false),
  rankPattern: none("one rank for all", {}),
  alphaPattern: none("one alpha for all", {}),
};

/** A run's options as OpenRLHF 0.11's arguments, without the dashes. */
export function openRlhfOptions({ sft, grpo, model: { lora } }: RunConfig): EngineOptions {
  const stages = { sft: translate("sft", sft, sftRules), grpo: translate("grpo", grpo, grpoRules) };
  const adapter = lora && translate("model.lora", lora as LoraSection, loraRules);
  return {
    files: {
      "sft.json": { ...stages.sft.options, ...adapter?.options },
      "grpo.json": { ...stages.grpo.options, ...adapter?.options },
    },
    fates: [...stages.sft.fates, ...stages.grpo.fates, ...adapter?.fates ?? []],
  };
}
