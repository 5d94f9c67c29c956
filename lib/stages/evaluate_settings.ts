// Generated from the schema by `deno task options`: change it there.
import type { FormatOption } from "../formats/format_schema.ts";

/** Options of `evaluate`. */
export interface EvaluateSettings {
  /** What tables and figures call the evaluation. */
  name?: string;
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
  /** Sample from the k likeliest tokens. TRL: top_k. @default 0: all */
  topK?: number;
  /** Nucleus sampling. TRL: top_p. @default 1: all */
  topP?: number;
  /** Least probability relative to the likeliest token. TRL: min_p. @default 0: none */
  minP?: number;
  /** Longest completion in tokens. TRL: max_completion_length. @default 128 */
  maxTokens?: number;
  /** 0 takes the likeliest token. TRL: temperature. @default 0 */
  temperature?: number;
  /** Completions sampled at once; never changes what is drawn. @default 64 */
  batchSize?: number;
  /** Take only the first problems of the set. @default null: all */
  limit?: number | null;
  /** Completions a problem, for pass@k and maj@k. @default 1 */
  samples?: number;
  /** The k of pass@k and maj@k. @default 1, 2, 4, … up to `samples`, and `samples` */
  passAt?: number[];
  /** Seed of sampling. @default the run's */
  seed?: number;
}
