// Generated from the schema by `deno task options`: change it there.
import type { DatasetOptions } from "../data/dataset_options.ts";
import type { FormatOption } from "../formats/format_schema.ts";
import type { LoadModelOptions } from "../models/load_model_options.ts";
import type { CompositeOptions } from "../rewards/reward_schema.ts";
import type { CurriculumSpec } from "../schedules/curriculum.ts";
import type { DistillSettings } from "../stages/distill_settings.ts";
import type { EvaluateSettings } from "../stages/evaluate_settings.ts";
import type { GrpoSettings } from "../stages/grpo_settings.ts";
import type { SftSettings } from "../stages/sft_settings.ts";

/** Options of a whole run, as YAML says it. */
export interface RunInput {
  /** Version of this format. */
  version: 1;
  /** Name of the run and of its folder under results. */
  name: string;
  /** Seed of every section that has none of its own. @default 1 */
  seed?: number;
  /** System prompt of every stage that has none of its own. @default null: none */
  systemPrompt?: string | null;
  /**
   * Values for the chat template's own variables, for every stage that has none of its own.
   * @default none
   */
  chatTemplateOptions?: Record<string, unknown>;
  /**
   * How answers are written and read in every stage that says nothing else: tags, boxed, graph, last-number.
   * @default tags
   */
  format?: FormatOption;
  /** The model to train. */
  model: LoadModelOptions;
  /** The model that distill learns from, of the same vocabulary. @default null: none */
  teacher?: LoadModelOptions | null;
  /** Training and test problems. */
  data: DatasetOptions;
  /** How the model is evaluated before and after each stage. */
  evaluate?: EvaluateSettings;
  /** Supervised fine-tuning. */
  sft?: SftSettings;
  /** Reinforcement learning. */
  grpo?: GrpoSettings;
  /** On-policy distillation from a teacher. */
  distill?: DistillSettings;
  /** The reward's components. @default R3's */
  reward?: CompositeOptions;
  /** Which difficulties are drawn when. @default R3's */
  curriculum?: CurriculumSpec;
}
