import type { RunConfig } from "../../config/schema.ts";
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

const actor = "actor_rollout_ref.actor",
  rollout = "actor_rollout_ref.rollout",
  model = "actor_rollout_ref.model";

/** verl's learning rate under `optim`: constant or cosine with a warm-up in steps. */
const learningRate =
  (optim: string) => (rate: GrpoSection["learningRate"], { steps }: { steps: number }): Translated => {
    const { kind, peak, warmupSteps, finalRatio } = learningRateParts(rate, steps);
    return {
      theirs: {
        [`${optim}.lr`]: peak,
        [`${optim}.lr_scheduler_type`]: kind === "constant" ? "constant" : "cosine",
        [`${optim}.lr_warmup_steps`]: warmupSteps,
        [`${optim}.min_lr_ratio`]: finalRatio,
      },
      fate: kind === "linear" ? "approximated" : "same",
      ...(kind === "linear" ? { note: "a cosine there" } : {}),
    };
  };

const common = (optim: string, gradClip: string) => ({
  ...everywhere,
  chatTemplateOptions: (value: unknown): Translated => ({
    theirs: { "data.apply_chat_template_kwargs": value ?? {} },
    fate: "same",
  }),
  gradientAccumulation: ours,
  checkpointing: same(`${model}.enable_gradient_checkpointing`),
  weightDecay: startOf(`${optim}.weight_decay`),
  betas: same(`${optim}.betas`),
  maxGradNorm: startOf(gradClip),
  checkpointEvery: (value: number | null): Translated => ({
    theirs: { "trainer.save_freq": value ?? -1 },
    fate: "same",
  }),
});

const sftRules: Rules<SftSection> = {
  ...common("optim", "optim.clip_grad"),
  checkpointing: same("model.enable_gradient_checkpointing"),
  seed: same("trainer.seed"),
  keepCheckpoints: same("trainer.max_ckpt_to_keep"),
  steps: same("trainer.total_training_steps"),
  batchSize: same("data.train_batch_size"),
  learningRate: learningRate("optim"),
  maxLength: (value) => ({
    theirs: { "data.max_length": value, "data.truncation": "right" },
    fate: "approximated",
    note: "longer examples are left out here, cut there",
  }),
  packing: none("batches have no padding there", false),
  demonstrations: () => ({ fate: "same", note: "written into the data" }),
};

const estimators = {
  group: ["grpo", true],
  none: ["grpo", false],
  rloo: ["rloo", false],
  batch: ["grpo", true],
  maxrl: ["grpo", false],
} as const;
/** Advantages that are something else there. */
const nearlyThere: Partial<Record<GrpoSection["advantage"], string>> = {
  batch: "scaled by the group's deviation there, by the batch's here",
  maxrl: "not divided by the group's mean there",
};
/** How each loss is summed, and the loss itself where it is not the clipped one. */
const losses: Record<GrpoSection["loss"], { sum: string; mode?: string }> = {
  grpo: { sum: "seq-mean-token-mean" },
  bnpo: { sum: "token-mean" },
  dapo: { sum: "token-mean" },
  dr_grpo: { sum: "seq-mean-token-sum-norm" },
  cispo: { sum: "token-mean", mode: "cispo" },
  sapo: { sum: "seq-mean-token-mean", mode: "sapo" },
  luspo: { sum: "seq-mean-token-sum" },
  vespo: { sum: "token-mean" },
};
const estimatorsOfKl = { k1: "kl", k2: "mse", k3: "low_var_kl" };

const grpoRules: Rules<GrpoSection> = {
  ...common(`${actor}.optim`, `${actor}.grad_clip`),
  seed: same("data.seed"),
  keepCheckpoints: same("trainer.max_actor_ckpt_to_keep"),
  algorithm: () => ({ fate: "same", note: "its options, below" }),
  steps: same("trainer.total_training_steps"),
  promptsPerStep: (value) => ({
    theirs: { "data.train_batch_size": value, [`${actor}.ppo_mini_batch_size`]: value },
    fate: "same",
  }),
  generations: same(`${rollout}.n`),
  microBatch: (value) =>
    value === null
      ? { theirs: { [`${actor}.use_dynamic_bsz`]: true }, fate: "same" }
      : same(`${actor}.ppo_micro_batch_size_per_gpu`)(value),
  iterations: same(`${actor}.ppo_epochs`),
  learningRate: learningRate(`${actor}.optim`),
  advantage: (value) => ({
    theirs: {
      "algorithm.adv_estimator": estimators[value][0],
      "algorithm.norm_adv_by_std_in_grpo": estimators[value][1],
    },
    fate: value in nearlyThere ? "approximated" : "same",
    ...(value in nearlyThere ? { note: nearlyThere[value] } : {}),
  }),
  normalize: none("advantages are not normalised again", false),
  normalizeThenSum: none("the server gives totals: rewards are summed before they are normalised", false),
  loss: (value) => ({
    theirs: { [`${actor}.loss_agg_mode`]: losses[value].sum },
    fate: value === "luspo" || value === "vespo" ? "none" : "same",
    ...(value === "luspo" || value === "vespo" ? { note: "the clipped loss there" } : {}),
  }),
  importance: (value, { loss }) =>
    value === "trajectory" ? { fate: "none", note: "ratios of tokens or, as GSPO, of sequences" } : {
      theirs: {
        [`${actor}.policy_loss.loss_mode`]: losses[loss].mode ?? (value === "sequence" ? "gspo" : "vanilla"),
      },
      fate: "same",
    },
  beta: (value, { klInReward }) => {
    const start = startOf(klInReward ? "algorithm.kl_ctrl.kl_coef" : `${actor}.kl_loss_coef`)(value);
    const on = value !== 0;
    return {
      ...start,
      theirs: {
        ...start.theirs,
        "algorithm.use_kl_in_reward": on && klInReward,
        [`${actor}.use_kl_loss`]: on && !klInReward,
      },
    };
  },
  klEstimator: (value, { klInReward }) => ({
    theirs: { [klInReward ? "algorithm.kl_penalty" : `${actor}.kl_loss_type`]: estimatorsOfKl[value] },
    fate: "same",
  }),
  klInReward: () => ({ fate: "same", note: "with beta" }),
  referenceEvery: none("the reference stays as it was at the start", null),
  referenceMixup: ours,
  epsilon: (value) => {
    const low = startOf(`${actor}.clip_ratio_low`)(value);
    return { ...low, theirs: { ...low.theirs, [`${actor}.clip_ratio`]: Object.values(low.theirs!)[0] } };
  },
  epsilonHigh: (value, { epsilon }) => startOf(`${actor}.clip_ratio_high`)(value ?? epsilon),
  dualClip: (value) => ({
    theirs: { [`${actor}.clip_ratio_c`]: value ?? 1e6 },
    fate: "same",
    ...(value === null ? { note: "never reached" } : {}),
  }),
  dppo: none("a token is clipped, not dropped", null),
  replay: none("nothing is replayed", null),
  offPolicyMask: none("no sequence is masked", null),
  useBiasCorrectionKl: none("the KL has no ratio", false),
  importanceCorrection: (value) =>
    value === null ? { theirs: { "algorithm.rollout_correction.rollout_is": null }, fate: "same" } : {
      theirs: {
        "algorithm.rollout_correction.rollout_is": value.mode.startsWith("token") ? "token" : "sequence",
        "algorithm.rollout_correction.rollout_is_threshold": value.max,
      },
      fate: value.mode.endsWith("truncate") && value.min === null ? "same" : "approximated",
      ...(value.mode.endsWith("truncate") && value.min === null
        ? {}
        : { note: "cut to the upper bound there" }),
    },
  sapoTemperaturePos: same(`${actor}.tau_pos`),
  sapoTemperatureNeg: same(`${actor}.tau_neg`),
  vespoKPos: none("no vespo", 2),
  vespoLambdaPos: none("no vespo", 3),
  vespoKNeg: none("no vespo", 3),
  vespoLambdaNeg: none("no vespo", 2),
  entropyCoef: startOf(`${actor}.entropy_coeff`),
  entropyTarget: none("the bonus does not adapt", null),
  entropyCoefDelta: ours,
  entropyCoefMin: ours,
  entropyCoefMax: ours,
  topEntropyQuantile: none("trains on all tokens", 1),
  maskTruncated: none("truncated completions are trained on", false),
  dropZeroVariance: (value) => ({
    theirs: { "algorithm.filter_groups.enable": value, "algorithm.filter_groups.metric": "seq_reward" },
    fate: value ? "approximated" : "same",
    ...(value ? { note: "the DAPO trainer drops them; the plain one does not" } : {}),
  }),
  temperature: startOf(`${rollout}.temperature`),
  topK: (value) => ({ theirs: { [`${rollout}.top_k`]: value === 0 ? -1 : value }, fate: "same" }),
  topP: same(`${rollout}.top_p`),
  minP: none("no min_p in its rollouts", 0),
  maxTokens: same("data.max_response_length"),
};

const loraRules: Rules<LoraSection> = {
  name: ours,
  rank: same("lora_rank"),
  alpha: (value, { rank }) => ({ theirs: { lora_alpha: value ?? 2 * rank }, fate: "same" }),
  dropout: none("no dropout", 0),
  targets: (value) => ({ theirs: { target_modules: value === "all" ? "all-linear" : value }, fate: "same" }),
  exclude: same("exclude_modules"),
  rankStabilized: none("scaled by alpha / rank", false),
  rankPattern: none("one rank for all", {}),
  alphaPattern: none("one alpha for all", {}),
};

/** `group.options` with each name under `prefix`. */
const under = (prefix: string, options: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [`${prefix}.${name}`, value]));

/** A run's options as verl 0.9's Hydra overrides. */
export function verlOptions({ sft, grpo, model: { lora } }: RunConfig): EngineOptions {
  const stages = { sft: translate("sft", sft, sftRules), grpo: translate("grpo", grpo, grpoRules) };
  const adapter = lora && translate("model.lora", lora as LoraSection, loraRules);
  return {
    files: {
      "sft.json": { ...stages.sft.options, ...under("model", adapter?.options ?? {}) },
      "grpo.json": { ...stages.grpo.options, ...under(model, adapter?.options ?? {}) },
    },
    fates: [...stages.sft.fates, ...stages.grpo.fates, ...adapter?.fates ?? []],
  };
}
