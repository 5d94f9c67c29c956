import { z } from "zod";
import { dataSchema } from "../data/data_schema.ts";
import { curriculumSchema, defaultCurriculum, rewardSchema } from "../rewards/reward_schema.ts";
import { systemPrompt } from "../options/system_prompt.ts";
import { grpoSchema, sftSchema } from "../training/training_schema.ts";

export { type DataOptions, dataSchema, type DataSource } from "../data/data_schema.ts";
export {
  type CurriculumOptions,
  curriculumSchema,
  type RewardOptions,
  rewardSchema,
} from "../rewards/reward_schema.ts";
export { type LearningRate, type Schedule } from "../schedules/schedule_schema.ts";
export {
  type GrpoInput,
  type GrpoOptions,
  grpoSchema,
  type SftInput,
  type SftOptions,
  sftSchema,
} from "../training/training_schema.ts";

const count = z.int().min(1), names = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

/** Options of `addLora`. */
export const loraSchema = z.strictObject({
  name: z.string().regex(/^[\w-][\w.-]*$/, "must be letters, digits, dots, underscores and hyphens").default(
    "default",
  )
    .describe("Name to switch to it by. PEFT: adapter_name. Default default."),
  rank: count.default(16).describe("Rank of the update, r. PEFT: r. Default 16."),
  alpha: z.number().positive().optional().describe(
    "The update is scaled by alpha / rank. PEFT: lora_alpha. Default 2·rank.",
  ),
  dropout: z.number().min(0).lt(1).default(0).describe(
    "Share of the adapter's inputs set to 0 in training. PEFT: lora_dropout. Default 0.",
  ),
  targets: names.default("all").describe(
    "Linear layers: all, a list of ends of names such as q_proj, or a regular expression that whole names match. " +
      "PEFT: target_modules. Default all.",
  ),
  exclude: names.nullable().default(null).describe(
    "Layers left out, in the same spellings. PEFT: exclude_modules. Default none.",
  ),
  rankStabilized: z.boolean().default(false).describe(
    "Scale by alpha / √rank (Kalajdzievski 2023). PEFT: use_rslora. Default false.",
  ),
  rankPattern: z.record(z.string().min(1), count).default({}).describe(
    "Ranks of layers whose name, or its end, matches a key. PEFT: rank_pattern. Default none.",
  ),
  alphaPattern: z.record(z.string().min(1), z.number().positive()).default({}).describe(
    "The same for alpha. PEFT: alpha_pattern. Default none.",
  ),
});

/** Options of `loadModel`. */
export const modelSchema = z.strictObject({
  path: z.string().min(1).describe(
    "A directory, relative to the configuration file, or a hub id such as google/gemma-3-270m-it.",
  ),
  revision: z.string().min(1).optional().describe("Branch, tag or commit of a hub id. Default main."),
  lora: loraSchema.nullable().default(null).describe(
    "Train an adapter and freeze the weights. Default null: train all.",
  ),
  adapter: z.string().min(1).nullable().default(null).describe(
    "Folder of a PEFT adapter to start from. Default null.",
  ),
  seed: z.int().min(0).default(1).describe("Seed of the adapter's initial values. Default: the run's."),
  frozen: z.enum(["float32", "float16"]).default("float32").describe(
    "How webgpu stores weights that an adapter freezes: float16 halves their memory; the CPU keeps float32. Default float32.",
  ),
});

/** Options of `evaluate`. */
export const evaluateSchema = z.strictObject({
  name: z.string().min(1).optional().describe("What tables and figures call the evaluation."),
  systemPrompt,
  maxTokens: count.default(128).describe("Longest completion in tokens. Default 128."),
  temperature: z.number().min(0).default(0).describe("0 takes the likeliest token. Default 0."),
  topK: z.int().min(0).default(0).describe("Sample from the k likeliest tokens. Default 0: all."),
  topP: z.number().gt(0).max(1).default(1).describe("Nucleus sampling. Default 1: all."),
  minP: z.number().min(0).max(1).default(0).describe(
    "Least probability relative to the likeliest token. Default 0.",
  ),
  batchSize: count.default(64).describe("Completions sampled at once; never changes the result. Default 64."),
  limit: count.nullable().default(null).describe(
    "Take only the first problems of the set. Default null: all.",
  ),
  samples: count.default(1).describe("Completions a problem, for pass@k and maj@k. Default 1."),
  passAt: z.array(count).min(1).default([1]).describe("The k of pass@k. Default [1]."),
  seed: z.int().min(0).default(1).describe("Seed of sampling. Default: the run's."),
}).superRefine((value, context) => {
  if (value.samples > 1 && value.temperature === 0) {
    context.addIssue({
      code: "custom",
      path: ["samples"],
      message: "needs a temperature above 0, or all would be the same",
    });
  }
  const largest = Math.max(...value.passAt);
  if (largest > value.samples) {
    context.addIssue({
      code: "custom",
      path: ["passAt"],
      message: `must not go above samples (${value.samples})`,
    });
  }
});

/** A whole run, as the YAML files in `data/configs` say it. */
export const runSchema = z.strictObject({
  version: z.literal(1).describe("Version of this format."),
  name: z.string().regex(/^[\w.-]+$/, "must be letters, digits, dots, underscores and hyphens").describe(
    "Name of the run and of its folder under results.",
  ),
  seed: z.int().min(0).default(1).describe("Seed of every section that has none of its own. Default 1."),
  systemPrompt: systemPrompt.describe(
    "System prompt of every stage that has none of its own. Default null: none.",
  ),
  model: modelSchema.describe("The model to train."),
  data: dataSchema.describe("Training and test problems."),
  evaluate: evaluateSchema.prefault({}).describe("How the model is evaluated before and after each stage."),
  sft: sftSchema.prefault({}).describe("Supervised fine-tuning."),
  grpo: grpoSchema.prefault({}).describe("Reinforcement learning."),
  reward: rewardSchema.prefault({ preset: "r3", floor: 0 }).describe(
    "The reward's components. Default: R3's.",
  ),
  curriculum: curriculumSchema.default(defaultCurriculum).describe(
    "Which difficulties are drawn when. Default: R3's.",
  ),
});

export type LoraOptions = z.output<typeof loraSchema>;
export type ModelOptions = z.output<typeof modelSchema>;
export type EvaluateOptions = z.output<typeof evaluateSchema>;
export type RunConfig = z.output<typeof runSchema>;
export type RunInput = z.input<typeof runSchema>;
