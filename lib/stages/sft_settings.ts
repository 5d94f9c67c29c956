// Generated from the schema by `deno task options`: change it there.
import type { FormatOption } from "../formats/format_schema.ts";
import type { Scheduled } from "../schedules/anneal.ts";
import type { LearningRateSpec } from "../schedules/learning_rate.ts";

/** Options of `sft`. */
export interface SftSettings {
  /** Optimizer updates. TRL: max_steps. @default 300 */
  steps?: number;
  /**
   * Examples an update learns from. TRL: per_device_train_batch_size × gradient_accumulation_steps.
   * @default 32
   */
  batchSize?: number;
  /** TRL: learning_rate, lr_scheduler_type. @default cosine to 0 from 2e-3 after 5 % of warm-up */
  learningRate?: number | LearningRateSpec;
  /**
   * Longest prompt and completion in tokens; longer examples are left out. TRL: max_length.
   * @default 256
   */
  maxLength?: number;
  /**
   * A step takes as many examples as batchSize × maxLength tokens hold, instead of batchSize; none sees
   * another. TRL: packing.
   * @default false
   */
  packing?: boolean;
  /** Relative shares of the kinds of demonstration. @default all with the whole reasoning */
  demonstrations?: DemonstrationShares;
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

/** Relative shares of the kinds of demonstration. */
export interface DemonstrationShares {
  /** Share with the whole reasoning. @default 1 */
  full?: number;
  /** Share with the final calculation only. @default 0 */
  terse?: number;
  /** Share with one stock sentence for reasoning. @default 0 */
  answerOnly?: number;
}
