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

/** transformers' learning rate: a peak, a curve with warm-up in steps. */
function learningRate(rate: GrpoSection["learningRate"], { steps }: { steps: number }): Translated {
  const { kind, peak, warmupSteps, finalRatio } = learningRateParts(rate, steps),
    lowered = kind !== "constant" && finalRatio > 0;
  const curves = {
    constant: "constant_with_warmup",
    linear: "linear",
    cosine: lowered ? "cosine_with_min_lr" : "cosine",
  };
  return {
    theirs: {
      learning_rate: peak,
      lr_scheduler_type: curves[kind],
      ...(lowered && kind === "cosine" ? { lr_scheduler_kwargs: { min_lr: finalRatio * peak } } : {}),
      warmup_steps: warmupSteps,
    },
    fate: lowered && kind === "linear" ? "approximated" : "same",
    ...(lowered && kind === "linear" ? { note: "falls to 0 there, not to `final`" } : {}),
  };
}

/** What both stages' configurations share. */
const common = {
  ...everywhere,
  seed: same("seed"),
  chatTemplateOptions: (value: unknown): Translated => ({
    theirs: { chat_template_kwargs: value ?? {} },
    fate: "same",
  }),
  gradientAccumulation: same("gradient_accumulation_steps"),
  checkpointing: same("gradient_checkpointing"),
  weightDecay: startOf("weight_decay"),
  betas: ([first, second]: [number, number]): Translated => ({
    theirs: { adam_beta1: first, adam_beta2: second },
    fate: "same",
  }),
  maxGradNorm: startOf("max_grad_norm"),
  checkpointEvery: (value: number | null): Translated => ({
    theirs: { save_strategy: value === null ? "no" : "steps", save_steps: value ?? 500 },
    fate: "same",
  }),
  keepCheckpoints: same("save_total_limit"),
};

const sftRules: Rules<SftSection> = {
  ...common,
  steps: same("max_steps"),
  batchSize: (value, { gradientAccumulation }) => ({
    theirs: { global_batch_size: value },
    fate: value % gradientAccumulation ? "approximated" : "same",
    note: "per_device_train_batch_size is this by processes and gradient accumulation",
  }),
  learningRate,
  chatTemplateOptions: () => ({ fate: "same", note: "a column of the data" }),
  maxLength: (value) => ({
    theirs: { max_length: value },
    fate: "approximated",
    note: "longer examples are left out here, cut there",
  }),
  packing: same("packing"),
  demonstrations: () => ({ fate: "same", note: "written into the data" }),
};

/** An option of GRPOTrainer that RLOOTrainer lacks. */
const inGrpo =
  (name: string, harmless: unknown) => (value: unknown, { advantage }: GrpoSection): Translated =>
    advantage === "rloo" ? none("GRPOTrainer has it", harmless)(value) : same(name)(value);

const grpoRules: Rules<GrpoSection> = {
  ...common,
  algorithm: () => ({ fate: "same", note: "its options, below" }),
  steps: same("max_steps"),
  promptsPerStep: (value, { generations }) => ({
    theirs: { generation_batch_size: value * generations },
    fate: "same",
  }),
  generations: same("num_generations"),
  microBatch: ours,
  iterations: same("num_iterations"),
  learningRate,
  advantage: (value) =>
    value === "rloo"
      ? { fate: "same", note: "RLOOTrainer in place of GRPOTrainer" }
      : value === "maxrl"
      ? { theirs: { scale_rewards: "none" }, fate: "none", note: "not divided by the group's mean" }
      : { theirs: { scale_rewards: value }, fate: "same" },
  normalize: (value, { advantage }) =>
    advantage === "rloo"
      ? { theirs: { normalize_advantages: value }, fate: "same" }
      : none("RLOOTrainer has it", false)(value),
  normalizeThenSum: none("the server gives totals: rewards are summed before they are normalised", false),
  loss: (value, { advantage }) =>
    advantage === "rloo" ? none("RLOOTrainer has one loss", "grpo")(value) : same("loss_type")(value),
  importance: (value, { advantage }) =>
    advantage === "rloo"
      ? {
        fate: value === "trajectory" ? "same" : "none",
        note: "RLOOTrainer's ratio is of whole completions",
      }
      : value === "trajectory"
      ? { fate: "none", note: "GRPOTrainer has token and sequence" }
      : { theirs: { importance_sampling_level: value }, fate: "same" },
  beta: startOf("beta"),
  klEstimator: none("k3 in GRPOTrainer, k1 in RLOOTrainer", "k3"),
  klInReward: (value, { advantage, beta }) =>
    value === (advantage === "rloo") || beta === 0
      ? { fate: "same" }
      : { fate: "none", note: "off the reward in RLOOTrainer, in the loss in GRPOTrainer" },
  referenceEvery: (value) =>
    value === null ? { theirs: { sync_ref_model: false }, fate: "same" } : {
      theirs: { sync_ref_model: true, ref_model_sync_steps: value },
      fate: "same",
    },
  referenceMixup: same("ref_model_mixup_alpha"),
  epsilon: startOf("epsilon"),
  epsilonHigh: (value) => value === null ? { fate: "same", note: "epsilon" } : startOf("epsilon_high")(value),
  dualClip: (value) => value === null ? { fate: "same" } : same("delta")(value),
  dppo: none("a token is clipped, not dropped", null),
  replay: none("nothing is replayed", null),
  offPolicyMask: inGrpo("off_policy_mask_threshold", null),
  useBiasCorrectionKl: inGrpo("use_bias_correction_kl", false),
  importanceCorrection: (value, { advantage }) =>
    advantage === "rloo" ? none("GRPOTrainer has it")(value) : {
      theirs: {
        vllm_importance_sampling_correction: value !== null,
        ...(value
          ? {
            vllm_importance_sampling_mode: value.mode,
            vllm_importance_sampling_clip_max: value.max,
            vllm_importance_sampling_clip_min: value.min,
          }
          : {}),
      },
      fate: "same",
      note: "acts with use_vllm",
    },
  sapoTemperaturePos: inGrpo("sapo_temperature_pos", 1),
  sapoTemperatureNeg: inGrpo("sapo_temperature_neg", 1.05),
  vespoKPos: inGrpo("vespo_k_pos", 2),
  vespoLambdaPos: inGrpo("vespo_lambda_pos", 3),
  vespoKNeg: inGrpo("vespo_k_neg", 3),
  vespoLambdaNeg: inGrpo("vespo_lambda_neg", 2),
  entropyCoef: (value, { advantage }) =>
    advantage === "rloo" ? none("GRPOTrainer has it", 0)(value) : startOf("entropy_coef")(value),
  entropyTarget: (value, { advantage }) =>
    value === null
      ? { fate: "same" }
      : advantage === "rloo"
      ? none("GRPOTrainer has it", null)(value)
      : { theirs: { use_adaptive_entropy: true, entropy_target: value }, fate: "same" },
  entropyCoefDelta: inGrpo("entropy_coef_delta", 0.005),
  entropyCoefMin: inGrpo("entropy_coef_min", 0),
  entropyCoefMax: inGrpo("entropy_coef_max", 1),
  topEntropyQuantile: (value, { advantage }) =>
    advantage === "rloo" ? none("GRPOTrainer has it", 1)(value) : same("top_entropy_quantile")(value),
  maskTruncated: same("mask_truncated_completions"),
  dropZeroVariance: none("groups without signal stay in the batch", false),
  temperature: startOf("temperature"),
  topK: same("top_k"),
  topP: same("top_p"),
  minP: (value) => ({ theirs: { min_p: value === 0 ? null : value }, fate: "same" }),
  maxTokens: same("max_completion_length"),
};

const loraRules: Rules<LoraSection> = {
  name: ours,
  rank: same("r"),
  alpha: (value, { rank }) => ({ theirs: { lora_alpha: value ?? 2 * rank }, fate: "same" }),
  dropout: same("lora_dropout"),
  targets: (value) => ({
    theirs: {
      target_modules: value === "all"
        ? ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        : value,
    },
    fate: "same",
  }),
  exclude: same("exclude_modules"),
  rankStabilized: same("use_rslora"),
  rankPattern: same("rank_pattern"),
  alphaPattern: same("alpha_pattern"),
};

/** A run's options as TRL 1.16 and PEFT have them. */
export function trlOptions({ sft, grpo, model }: RunConfig): EngineOptions {
  const stages = { sft: translate("sft", sft, sftRules), grpo: translate("grpo", grpo, grpoRules) };
  const lora = model.lora && translate("model.lora", model.lora as LoraSection, loraRules);
  return {
    files: {
      "sft.json": stages.sft.options,
      "grpo.json": { trainer: grpo.advantage === "rloo" ? "rloo" : "grpo", ...stages.grpo.options },
      "lora.json": lora ? { ...lora.options, task_type: "CAUSAL_LM" } : null,
    },
    fates: [...stages.sft.fates, ...stages.grpo.fates, ...lora?.fates ?? []],
  };
}
