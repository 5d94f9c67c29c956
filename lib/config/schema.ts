import { z } from "zod";
import { type DataOptions, dataSchema } from "../data/data_schema.ts";
import { type ModelConfig, modelSchema } from "../models/model_schema.ts";
import { formatSchema } from "../formats/format_schema.ts";
import { chatTemplateOptions } from "../options/chat_template_options.ts";
import type { OptionsSchema } from "../options/options_schema.ts";
import { systemPrompt } from "../options/system_prompt.ts";
import { type CompositeSettings, rewardSchema } from "../rewards/reward_schema.ts";
import { r3Curriculum } from "../schedules/curriculum.ts";
import { curriculumSchema } from "../schedules/curriculum_schema.ts";
import { type DistillConfig, distillSchema } from "../stages/distill_schema.ts";
import { type EvaluateConfig, evaluateSchema } from "../stages/evaluate_schema.ts";
import { type GrpoConfig, grpoSchema } from "../stages/grpo_schema.ts";
import { type SftConfig, sftSchema } from "../stages/sft_schema.ts";
import type { RunInput } from "./run_input.ts";

/** A configuration with every default filled in. */
export type RunConfig =
  & Required<Omit<RunInput, "model" | "data" | "evaluate" | "sft" | "grpo" | "distill" | "reward">>
  & {
    /** The model to train. */
    model: ModelConfig;
    /** Training and test problems. */
    data: DataOptions;
    /** How the model is evaluated before and after each stage. */
    evaluate: EvaluateConfig;
    /** Supervised fine-tuning. */
    sft: SftConfig;
    /** Reinforcement learning. */
    grpo: GrpoConfig;
    /** On-policy distillation. */
    distill: DistillConfig;
    /** The reward's components. */
    reward: CompositeSettings;
  };

/** A whole run, as the YAML files in `data/configs` say it. */
export const runSchema: OptionsSchema<RunConfig, RunInput> = z.strictObject({
  version: z.literal(1).describe("Version of this format."),
  name: z.string().regex(/^[\w.-]+$/, "must be letters, digits, dots, underscores and hyphens").describe(
    "Name of the run and of its folder under results.",
  ),
  seed: z.int().min(0).default(1).describe("Seed of every section that has none of its own. Default 1."),
  systemPrompt: systemPrompt.describe(
    "System prompt of every stage that has none of its own. Default null: none.",
  ),
  chatTemplateOptions: chatTemplateOptions.describe(
    "Values for the chat template's own variables, for every stage that has none of its own. Default none.",
  ),
  format: formatSchema.describe(
    "How answers are written and read in every stage that says nothing else: tags, boxed, graph, last-number. Default tags.",
  ),
  model: modelSchema.describe("The model to train."),
  teacher: modelSchema.nullable().default(null).describe(
    "The model that distill learns from, of the same vocabulary. Default null: none.",
  ),
  data: dataSchema.describe("Training and test problems."),
  evaluate: evaluateSchema.prefault({}).describe("How the model is evaluated before and after each stage."),
  sft: sftSchema.prefault({}).describe("Supervised fine-tuning."),
  grpo: grpoSchema.prefault({}).describe("Reinforcement learning."),
  distill: distillSchema.prefault({}).describe("On-policy distillation from a teacher."),
  reward: rewardSchema.prefault({ preset: "r3", floor: 0 }).describe(
    "The reward's components. Default: R3's.",
  ),
  curriculum: curriculumSchema.prefault(r3Curriculum).describe(
    "Which difficulties are drawn when. Default: R3's.",
  ),
});
