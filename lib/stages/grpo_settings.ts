// Generated from the schema by `deno task options`: change it there.
import type { FormatOption } from "../formats/format_schema.ts";
import type { Scheduled } from "../schedules/anneal.ts";
import type { LearningRateSpec } from "../schedules/learning_rate.ts";
import type { ImportanceCorrectionOptions } from "../training/importance_correction.ts";

/** Options of `grpo`. */
export interface GrpoSettings {
  /**
   * Sets advantage, loss, importance, epsilon, epsilonHigh, klInReward, dropZeroVariance and maskTruncated
   * where they are not given: grpo, rloo, dapo, dr_grpo, bnpo, gspo, cispo, sapo, luspo, vespo or maxrl.
   * @default null: grpo's
   */
  algorithm?:
    | "grpo"
    | "rloo"
    | "dapo"
    | "dr_grpo"
    | "bnpo"
    | "gspo"
    | "cispo"
    | "sapo"
    | "luspo"
    | "vespo"
    | "maxrl"
    | null;
  /** Optimizer updates. TRL: max_steps. @default 200 */
  steps?: number;
  /** Prompts sampled for an update. TRL: generation_batch_size / G. @default 8 */
  promptsPerStep?: number;
  /** Completions a prompt, G. TRL: num_generations. @default 8 */
  generations?: number;
  /**
   * Completions in one forward and backward pass at most; changes no result but by LoRA's dropout, which looks
   * at a pass.
   * @default null: as many as memory allows
   */
  microBatch?: number | null;
  /** Updates made from one batch of completions, μ. TRL: num_iterations. @default 1 */
  iterations?: number;
  /** TRL: learning_rate, lr_scheduler_type. @default 5e-4 */
  learningRate?: number | LearningRateSpec;
  /**
   * Baseline and scale of rewards. TRL: scale_rewards, RLOOTrainer. maxrl, (r − mean) / mean, is for rewards
   * of 0 and 1.
   * @default group: (r − mean) / (std + 1e-4)
   */
  advantage?: "group" | "batch" | "none" | "rloo" | "maxrl";
  /** Then centre and scale the whole batch's advantages. TRL: normalize_advantages. @default false */
  normalize?: boolean;
  /**
   * Normalise each reward component in its group before the weighted sum (GDPO). TRL:
   * multi_objective_aggregation.
   * @default false
   */
  normalizeThenSum?: boolean;
  /**
   * A token's loss, and what the sum over tokens is divided by. TRL: loss_type, there dapo.
   * @default grpo: clipped ratios, the mean of per-sequence means
   */
  loss?: "grpo" | "bnpo" | "dr_grpo" | "dapo" | "cispo" | "sapo" | "luspo" | "vespo";
  /**
   * Ratio per token, per sequence as a geometric mean (GSPO) or as a product (RLOO). TRL:
   * importance_sampling_level.
   * @default token
   */
  importance?: "token" | "sequence" | "trajectory";
  /** Weight of the KL penalty to the reference policy; 0 skips the reference. TRL: beta. @default 0.03 */
  beta?: Scheduled;
  /** Estimator of the KL in the loss (Schulman 2020). TRL has k3 only. @default k3 */
  klEstimator?: "k1" | "k2" | "k3";
  /**
   * Take the KL penalty (k1) off the reward, as RLOO does, where GRPO adds it to the loss.
   * @default false
   */
  klInReward?: boolean;
  /**
   * Steps between refreshes of the reference policy; under LoRA a mixture then gets weights of its own. TRL:
   * sync_ref_model, ref_model_sync_steps.
   * @default null: it stays as it was at the start
   */
  referenceEvery?: number | null;
  /**
   * A refresh makes the reference this share of the policy and the rest of itself. TRL: ref_model_mixup_alpha.
   * @default 0.6
   */
  referenceMixup?: number;
  /**
   * The ratio is clipped below 1 − epsilon, and above 1 + epsilon without epsilonHigh. TRL: epsilon.
   * @default 0.2
   */
  epsilon?: Scheduled;
  /**
   * Clip above 1 + this (clip-higher); with loss cispo the bound itself. TRL: epsilon_high.
   * @default null: epsilon
   */
  epsilonHigh?: Scheduled | null;
  /** Bound of the ratio where the advantage is negative. TRL: delta. @default null: none */
  dualClip?: number | null;
  /**
   * Instead of clipping: a token teaches nothing once its probability has left a band this wide around the
   * sampler's in the advantage's direction (DPPO); matters with several iterations.
   * @default null: off
   */
  dppo?: number | null;
  /**
   * Completions with a negative advantage whose mean log π_old − log π passes this teach nothing
   * (DeepSeek-V3.2); matters with several iterations. TRL: off_policy_mask_threshold.
   * @default null: off
   */
  offPolicyMask?: number | null;
  /**
   * Multiply the KL in the loss by the ratio, so that its gradient is the reverse KL's (DeepSeek-V3.2). TRL:
   * use_bias_correction_kl, there true.
   * @default false
   */
  useBiasCorrectionKl?: boolean;
  /**
   * With a `sampler` of another program: corrects for its log-probabilities not being the trainer's. null: not
   * corrected. TRL: vllm_importance_sampling_correction.
   * @default on
   */
  importanceCorrection?: ImportanceCorrectionOptions | null;
  /** Steepness of sapo's gate where the advantage is positive. TRL: sapo_temperature_pos. @default 1 */
  sapoTemperaturePos?: number;
  /** The same elsewhere. TRL: sapo_temperature_neg. @default 1.05 */
  sapoTemperatureNeg?: number;
  /** vespo's exponent k where the advantage is not negative. TRL: vespo_k_pos. @default 2 */
  vespoKPos?: number;
  /** vespo's decay λ where the advantage is not negative. TRL: vespo_lambda_pos. @default 3 */
  vespoLambdaPos?: number;
  /** vespo's exponent k where the advantage is negative. TRL: vespo_k_neg. @default 3 */
  vespoKNeg?: number;
  /** vespo's decay λ where the advantage is negative. TRL: vespo_lambda_neg. @default 2 */
  vespoLambdaNeg?: number;
  /**
   * Weight of an entropy bonus: the loss is less by this times the mean entropy of the tokens trained, in
   * nats. TRL: entropy_coef.
   * @default 0
   */
  entropyCoef?: Scheduled;
  /**
   * Adapts the bonus: entropyCoef is where it starts, rises while the entropy is at or below this and falls
   * above, and acts only at or below (Skywork-OR1). TRL: use_adaptive_entropy, entropy_target.
   * @default null: entropyCoef as it is
   */
  entropyTarget?: number | null;
  /** What the adapted bonus moves by an update. TRL: entropy_coef_delta. @default 0.005 */
  entropyCoefDelta?: number;
  /** Its lower bound. TRL: entropy_coef_min. @default 0 */
  entropyCoefMin?: number;
  /** Its upper bound. TRL: entropy_coef_max. @default 1 */
  entropyCoefMax?: number;
  /**
   * Train only on this share of tokens with the highest entropy. TRL: top_entropy_quantile.
   * @default 1: all
   */
  topEntropyQuantile?: number;
  /** Completions that hit the token limit teach nothing. TRL: mask_truncated_completions. @default false */
  maskTruncated?: boolean;
  /**
   * Groups whose rewards are all equal are dropped and sampled again with other prompts (DAPO).
   * @default false
   */
  dropZeroVariance?: boolean;
  /**
   * Groups with signal that are remembered, the newest; where a group has none, one of them is learned from in
   * its place, its ratios taken to what it was drawn at (ExGRPO; TRL's replay buffer).
   * @default null: none
   */
  replay?: number | null;
  /** Sampling temperature; log-probabilities are taken at it too. TRL: temperature. @default 0.8 */
  temperature?: Scheduled;
  /** Sample from the k likeliest tokens. TRL: top_k. @default 0: all */
  topK?: number;
  /** Nucleus sampling. TRL: top_p. @default 1: all */
  topP?: number;
  /** Least probability relative to the likeliest token. TRL: min_p. @default 0: none */
  minP?: number;
  /** Longest completion in tokens. TRL: max_completion_length. @default 128 */
  maxTokens?: number;
  /** Seed of everything random in the stage. @default 1; in a file, the run's */
  seed?: number;
  /**
   * System prompt before every problem; templates without one put it before the first user turn.
   * @default null: none; in a file, the run's
   */
  systemPrompt?: string | null;
  /**
   * Values for the chat template's own variables, such as { enable_thinking: false }. TRL:
   * chat_template_kwargs.
   * @default none; in a file, the run's
   */
  chatTemplateOptions?: Record<string, unknown>;
  /**
   * How answers are written and read: tags, boxed (\\boxed{}), graph (R2) or last-number, or one of these with
   * its options.
   * @default tags; in a file, the run's
   */
  format?: FormatOption;
  /** Parts that a step's batch is cut into, to save memory. TRL: gradient_accumulation_steps. @default 1 */
  gradientAccumulation?: number;
  /**
   * Keep only what goes into each layer and compute the rest again in the backward pass: less memory, about a
   * third more time. TRL: gradient_checkpointing.
   * @default false
   */
  checkpointing?: boolean;
  /** AdamW's decoupled weight decay. @default 0 */
  weightDecay?: Scheduled;
  /** Decay of AdamW's first and second moment. TRL: adam_beta1, adam_beta2. @default [0.9, 0.999] */
  betas?: [number, number];
  /** Gradients are scaled down to this global L2 norm. TRL: max_grad_norm. @default 1 */
  maxGradNorm?: Scheduled;
  /** The stage ends after the step that passes this many minutes. @default null: no limit */
  maxMinutes?: number | null;
  /**
   * Steps between evaluations by the `evaluation` given to the stage; one follows the last step too. TRL:
   * eval_steps.
   * @default null: a tenth of the run
   */
  evaluateEvery?: number | null;
  /**
   * The evaluation's metric, higher being better, whose best checkpoint is kept. TRL: metric_for_best_model.
   * @default accuracy
   */
  bestBy?: string;
  /**
   * Steps between checkpoints. TRL: save_steps.
   * @default null: when the stage ends early, and on a GPU, which can be lost, after the first step and every
   * ten minutes
   */
  checkpointEvery?: number | null;
  /**
   * Folder for checkpoints, relative to the configuration file. TRL: output_dir.
   * @default null: results/checkpoints/NAME-1, or the next number, in the working directory, made with the
   * first checkpoint; an export takes it along
   */
  checkpoints?: string | null;
  /** Newest checkpoints to keep. TRL: save_total_limit. @default 2 */
  keepCheckpoints?: number;
}
