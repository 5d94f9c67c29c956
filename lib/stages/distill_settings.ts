// Generated from the schema by `deno task options`: change it there.
import type { FormatOption } from "../formats/format_schema.ts";
import type { Scheduled } from "../schedules/anneal.ts";
import type { LearningRateSpec } from "../schedules/learning_rate.ts";

/** Options of `distill`. */
export interface DistillSettings {
  /** Optimizer updates. TRL: max_steps. @default 100 */
  steps?: number;
  /** Prompts sampled for an update. @default 8 */
  promptsPerStep?: number;
  /**
   * Completions a prompt; one is enough, since each is held against the teacher and not against its siblings.
   * @default 4
   */
  generations?: number;
  /** TRL: learning_rate, lr_scheduler_type. @default 5e-4 */
  learningRate?: number | LearningRateSpec;
  /**
   * exact: the reverse KL over whole distributions at every token (GKD with lmbda 1 and beta 1); sampled:
   * estimated from the token drawn alone (Thinking Machines 2025), all that a server gives.
   * @default null: exact with a model, sampled with a server
   */
  divergence?: "exact" | "sampled" | null;
  /** Sampling temperature; both distributions are taken at it. TRL: temperature. @default 1 */
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
