import { z } from "zod";
import { samplingFields } from "../generation/sampling_schema.ts";
import type { OptionsSchema } from "../options/options_schema.ts";
import { typeNames } from "../options/type_names.ts";
import { learningRateSchema, scheduled } from "../schedules/schedule_schema.ts";
import { advantageNames } from "../training/advantages.ts";
import { type Algorithm, algorithms } from "../training/algorithms.ts";
import { policyLossNames } from "../training/policy_loss.ts";
import type { ImportanceCorrectionOptions } from "../training/importance_correction.ts";
import { trainingFields } from "../training/training_schema.ts";
import type { GrpoSettings } from "./grpo_settings.ts";

const count = z.int().min(1);

const grpoObject = z.strictObject({
  algorithm: z.enum(Object.keys(algorithms) as [keyof typeof algorithms, ...(keyof typeof algorithms)[]])
    .nullable()
    .default(null).describe(
      "Sets advantage, loss, importance, epsilon, epsilonHigh, klInReward, dropZeroVariance and maskTruncated where they " +
        "are not given: grpo, rloo, dapo, dr_grpo, bnpo, gspo, cispo, sapo, luspo, vespo or maxrl. Default null: grpo's.",
    ),
  steps: count.default(200).describe("Optimizer updates. TRL: max_steps. Default 200."),
  promptsPerStep: count.default(8).describe(
    "Prompts sampled for an update. TRL: generation_batch_size / G. Default 8.",
  ),
  generations: z.int().min(1).default(8).describe(
    "Completions a prompt, G. TRL: num_generations. Default 8.",
  ),
  microBatch: count.nullable().default(null).describe(
    "Completions in one forward and backward pass at most; changes no result but by LoRA's dropout, which looks at a pass. " +
      "Default null: as many as memory allows.",
  ),
  iterations: count.default(1).describe(
    "Updates made from one batch of completions, μ. TRL: num_iterations. Default 1.",
  ),
  learningRate: learningRateSchema.default(5e-4).describe(
    "TRL: learning_rate, lr_scheduler_type. Default 5e-4.",
  ),
  advantage: z.enum(advantageNames).optional().describe(
    "Baseline and scale of rewards. TRL: scale_rewards, RLOOTrainer. maxrl, (r − mean) / mean, is for rewards of 0 and 1. " +
      "Default group: (r − mean) / (std + 1e-4).",
  ),
  normalize: z.boolean().default(false).describe(
    "Then centre and scale the whole batch's advantages. TRL: normalize_advantages. Default false.",
  ),
  normalizeThenSum: z.boolean().default(false).describe(
    "Normalise each reward component in its group before the weighted sum (GDPO). TRL: multi_objective_aggregation. " +
      "Default false.",
  ),
  loss: z.enum(policyLossNames).optional().describe(
    "A token's loss, and what the sum over tokens is divided by. TRL: loss_type, there dapo. Default grpo: clipped ratios, the mean " +
      "of per-sequence means.",
  ),
  importance: z.enum(["token", "sequence", "trajectory"]).optional().describe(
    "Ratio per token, per sequence as a geometric mean (GSPO) or as a product (RLOO). " +
      "TRL: importance_sampling_level. Default token.",
  ),
  beta: scheduled(z.number().min(0)).default(0.03).describe(
    "Weight of the KL penalty to the reference policy; 0 skips the reference. TRL: beta. Default 0.03.",
  ),
  klEstimator: z.enum(["k1", "k2", "k3"]).default("k3").describe(
    "Estimator of the KL in the loss (Schulman 2020). TRL has k3 only. Default k3.",
  ),
  klInReward: z.boolean().optional().describe(
    "Take the KL penalty (k1) off the reward, as RLOO does, where GRPO adds it to the loss. Default false.",
  ),
  referenceEvery: count.nullable().default(null).describe(
    "Steps between refreshes of the reference policy; under LoRA a mixture then gets weights of its own. " +
      "TRL: sync_ref_model, ref_model_sync_steps. Default null: it stays as it was at the start.",
  ),
  referenceMixup: z.number().gt(0).max(1).default(0.6).describe(
    "A refresh makes the reference this share of the policy and the rest of itself. TRL: ref_model_mixup_alpha. " +
      "Default 0.6.",
  ),
  epsilon: scheduled(z.number().positive().lt(1)).optional().describe(
    "The ratio is clipped below 1 − epsilon, and above 1 + epsilon without epsilonHigh. TRL: epsilon. Default 0.2.",
  ),
  epsilonHigh: scheduled(z.number().positive()).nullable().optional().describe(
    "Clip above 1 + this (clip-higher); with loss cispo the bound itself. TRL: epsilon_high. Default null: epsilon.",
  ),
  dualClip: z.number().gt(1).nullable().default(null).describe(
    "Bound of the ratio where the advantage is negative. TRL: delta. Default null: none.",
  ),
  dppo: z.number().positive().lt(1).nullable().default(null).describe(
    "Instead of clipping: a token teaches nothing once its probability has left a band this wide around the sampler's in the " +
      "advantage's direction (DPPO); matters with several iterations. Default null: off.",
  ),
  offPolicyMask: z.number().positive().nullable().default(null).describe(
    "Completions with a negative advantage whose mean log π_old − log π passes this teach nothing (DeepSeek-V3.2); matters with several " +
      "iterations. TRL: off_policy_mask_threshold. Default null: off.",
  ),
  useBiasCorrectionKl: z.boolean().default(false).describe(
    "Multiply the KL in the loss by the ratio, so that its gradient is the reverse KL's (DeepSeek-V3.2). " +
      "TRL: use_bias_correction_kl, there true. Default false.",
  ),
  importanceCorrection: z.strictObject({
    mode: z.enum(["token_truncate", "token_mask", "sequence_truncate", "sequence_mask"]).default(
      "sequence_mask",
    ).describe(
      "Ratios of tokens or of completions, cut to their bounds or made 0 outside. TRL: vllm_importance_sampling_mode. Default sequence_mask.",
    ),
    max: z.number().positive().default(3).describe(
      "Upper bound. TRL: vllm_importance_sampling_clip_max. Default 3.",
    ),
    min: z.number().min(0).nullable().default(null).describe(
      "Lower bound. TRL: vllm_importance_sampling_clip_min. Default null: none.",
    ),
  }).register(typeNames, {
    type: "ImportanceCorrectionOptions",
    from: { ImportanceCorrectionOptions: "lib/training/importance_correction.ts" },
  }).nullable().prefault({}).describe(
    "With a `sampler` of another program: corrects for its log-probabilities not being the trainer's. null: not corrected. " +
      "TRL: vllm_importance_sampling_correction. Default: on.",
  ),
  sapoTemperaturePos: z.number().positive().default(1).describe(
    "Steepness of sapo's gate where the advantage is positive. TRL: sapo_temperature_pos. Default 1.",
  ),
  sapoTemperatureNeg: z.number().positive().default(1.05).describe(
    "The same elsewhere. TRL: sapo_temperature_neg. Default 1.05.",
  ),
  vespoKPos: z.number().positive().default(2).describe(
    "vespo's exponent k where the advantage is not negative. TRL: vespo_k_pos. Default 2.",
  ),
  vespoLambdaPos: z.number().positive().default(3).describe(
    "vespo's decay λ where the advantage is not negative. TRL: vespo_lambda_pos. Default 3.",
  ),
  vespoKNeg: z.number().positive().default(3).describe(
    "vespo's exponent k where the advantage is negative. TRL: vespo_k_neg. Default 3.",
  ),
  vespoLambdaNeg: z.number().positive().default(2).describe(
    "vespo's decay λ where the advantage is negative. TRL: vespo_lambda_neg. Default 2.",
  ),
  entropyCoef: scheduled(z.number().min(0)).default(0).describe(
    "Weight of an entropy bonus: the loss is less by this times the mean entropy of the tokens trained, in nats. TRL: entropy_coef. " +
      "Default 0.",
  ),
  entropyTarget: z.number().positive().nullable().default(null).describe(
    "Adapts the bonus: entropyCoef is where it starts, rises while the entropy is at or below this and falls above, and acts only at " +
      "or below (Skywork-OR1). TRL: use_adaptive_entropy, entropy_target. Default null: entropyCoef as it is.",
  ),
  entropyCoefDelta: z.number().positive().default(0.005).describe(
    "What the adapted bonus moves by an update. TRL: entropy_coef_delta. Default 0.005.",
  ),
  entropyCoefMin: z.number().min(0).default(0).describe(
    "Its lower bound. TRL: entropy_coef_min. Default 0.",
  ),
  entropyCoefMax: z.number().positive().default(1).describe(
    "Its upper bound. TRL: entropy_coef_max. Default 1.",
  ),
  topEntropyQuantile: z.number().gt(0).max(1).default(1).describe(
    "Train only on this share of tokens with the highest entropy. TRL: top_entropy_quantile. Default 1: all.",
  ),
  maskTruncated: z.boolean().optional().describe(
    "Completions that hit the token limit teach nothing. TRL: mask_truncated_completions. Default false.",
  ),
  dropZeroVariance: z.boolean().optional().describe(
    "Groups whose rewards are all equal are dropped and sampled again with other prompts (DAPO). Default false.",
  ),
  replay: count.nullable().default(null).describe(
    "Groups with signal that are remembered, the newest; where a group has none, one of them is learned from in its place, its ratios " +
      "taken to what it was drawn at (ExGRPO; TRL's replay buffer). Default null: none.",
  ),
  temperature: scheduled(z.number().positive()).default(0.8).describe(
    "Sampling temperature; log-probabilities are taken at it too. TRL: temperature. Default 0.8.",
  ),
  ...samplingFields,
  ...trainingFields,
}).superRefine((given, context) => {
  const value = { ...filledIn(given), ...defined(given) };
  const issue = (path: keyof typeof value, message: string) =>
    context.addIssue({ code: "custom", path: [path], message });
  const {
    generations,
    advantage,
    promptsPerStep,
    gradientAccumulation,
    microBatch,
    epsilon,
    epsilonHigh,
    dualClip,
  } = value;
  if (generations < 2) {
    issue(
      "generations",
      `must be at least 2: the baseline of advantage \`${advantage}\` is the group's mean`,
    );
  }
  const batch = promptsPerStep * generations;
  if (batch % gradientAccumulation !== 0) {
    issue("gradientAccumulation", `must divide promptsPerStep × generations (${batch})`);
  }
  if (microBatch !== null && microBatch > batch / gradientAccumulation) {
    issue(
      "microBatch",
      `must not be above promptsPerStep × generations / gradientAccumulation (${
        batch / gradientAccumulation
      })`,
    );
  }
  if (typeof epsilon === "number" && typeof epsilonHigh === "number") {
    if (epsilonHigh < epsilon) {
      if (given.epsilonHigh === undefined) {
        issue(
          "epsilon",
          `must not be above the epsilonHigh of ${value.algorithm}, ${epsilonHigh}; give both`,
        );
      } else issue("epsilonHigh", `must not be below epsilon (${epsilon})`);
    }
  }
  if (
    value.loss !== "cispo" && dualClip !== null && typeof (epsilonHigh ?? epsilon) === "number" &&
    dualClip <= 1 + ((epsilonHigh ?? epsilon) as number)
  ) {
    issue("dualClip", "must be above 1 + epsilonHigh (or epsilon), or it would undo the clipping");
  }
  if (value.loss === "cispo" && epsilonHigh === null) {
    issue(
      "epsilonHigh",
      "must be given with loss `cispo`, which bounds the ratio by it (ScaleRL: 5); algorithm cispo does",
    );
  }
  if (value.loss === "vespo" && value.importance !== "token") {
    issue("importance", "must be `token` with loss `vespo`, which makes the sequence's ratio itself");
  }
  if (
    value.dppo !== null &&
    (value.importance !== "token" || ["cispo", "sapo", "vespo"].includes(value.loss) || dualClip !== null)
  ) {
    issue(
      "dppo",
      "goes with `token` ratios of a loss that clips them, and without dualClip: it takes the clipping's place",
    );
  }
  if (value.entropyTarget !== null && typeof value.entropyCoef !== "number") {
    issue("entropyCoef", "must be a number with entropyTarget: it is where the adapted bonus starts");
  }
  if (value.replay !== null && value.klInReward && value.beta !== 0) {
    issue(
      "replay",
      "does not go with klInReward: the penalty is estimated on what the policy itself just sampled",
    );
  }
  if (value.entropyCoefMin > value.entropyCoefMax) {
    issue("entropyCoefMin", `must not be above entropyCoefMax (${value.entropyCoefMax})`);
  }
  if (value.referenceEvery !== null && value.beta === 0) {
    issue("referenceEvery", "goes with beta above 0 only: without a KL penalty there is no reference");
  }
  if (value.normalizeThenSum && advantage !== "group") {
    issue("normalizeThenSum", `goes with advantage \`group\` only, not \`${advantage}\``);
  }
  if (value.normalizeThenSum && value.klInReward && value.beta !== 0) {
    issue(
      "normalizeThenSum",
      "does not go with klInReward: each component is normalised by itself, and a penalty off their sum would be lost; " +
        "set klInReward false for a KL penalty in the loss, or beta 0 for none",
    );
  }
});

type Given = z.output<typeof grpoObject>;
type FilledIn = Omit<Algorithm, "klIn"> & { klInReward: boolean };

/** Options of `grpo` with every default filled in, the algorithm's too. */
export type GrpoConfig = Required<Omit<GrpoSettings, "importanceCorrection">> & {
  /** Bounds of the correction for another program's log-probabilities; `null`: none. */
  importanceCorrection: Required<ImportanceCorrectionOptions> | null;
};

/** What the algorithm fills in where nothing is given; a loss `cispo` brings its bound. */
function filledIn({ algorithm, loss }: Pick<Given, "algorithm" | "loss">): FilledIn {
  const { klIn, ...preset } = algorithms[algorithm ?? "grpo"];
  const { epsilonHigh } = loss === "cispo" ? algorithms.cispo : preset;
  return { ...preset, epsilonHigh, klInReward: klIn === "reward" };
}

const defined = <T extends object>(options: T): T =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;

/**
 * Options of `grpo`; the reward, the curriculum and functions such as `onStep` are passed beside them.
 *
 * What the algorithm fills in can be read from the result and is not copied with it: in `{ ...config.grpo, algorithm: "rloo" }` another
 * algorithm fills in its own, and what a person wrote stays. {@linkcode wholeOptions} makes a copy with all of it.
 */
export const grpoSchema: OptionsSchema<GrpoConfig, GrpoSettings> = grpoObject.transform(
  (given): GrpoConfig => {
    const config = defined(given) as GrpoConfig;
    for (const key of Object.keys(filledIn(given)) as (keyof FilledIn)[]) {
      if (key in config) continue;
      Object.defineProperty(config, key, {
        get: () => filledIn({ ...config })[key],
        // written from here on
        set: (value) => Object.defineProperty(config, key, { value, enumerable: true, writable: true }),
        configurable: true,
      });
    }
    return config;
  },
).register(typeNames, { type: "GrpoSettings", from: { GrpoSettings: "lib/stages/grpo_settings.ts" } });

/** A copy of the options as plain data, what the algorithm filled in among them: for a run's record. */
export function wholeOptions(config: GrpoConfig): GrpoConfig {
  return { ...filledIn({ ...config }), ...config };
}
