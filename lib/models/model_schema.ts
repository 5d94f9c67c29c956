import { z } from "zod";
import type { OptionsSchema } from "../options/options_schema.ts";
import { typeNames } from "../options/type_names.ts";
import type { LoadModelOptions } from "./load_model_options.ts";
import type { LoraOptions } from "./lora_options.ts";

const count = z.int().min(1), names = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

/** An adapter in a configuration, whose seed is the model's. */
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

/** Options of `addLora`. */
export const addLoraSchema: OptionsSchema<LoraConfig & { seed: number }, LoraOptions> = loraSchema.extend({
  seed: z.int().min(0).default(1).describe("Seed of A. Default 1."),
});

/** Options of an adapter in a configuration, complete but for `alpha`, which follows the rank. */
export type LoraConfig = Required<Omit<LoraOptions, "seed" | "alpha">> & Pick<LoraOptions, "alpha">;

/** Options of `loadModel`, complete. */
export type ModelConfig =
  & Required<Omit<LoadModelOptions, "revision" | "lora">>
  & Pick<LoadModelOptions, "revision">
  & {
    /** The adapter that is trained; `null`: all weights are. */
    lora: LoraConfig | null;
  };

/** The schema of `loadModel`'s options. */
export const modelSchema: OptionsSchema<ModelConfig, LoadModelOptions> = z.strictObject({
  path: z.string().min(1).describe(
    "A directory or a GGUF file, relative to the configuration file, or a hub id such as google/gemma-3-270m-it.",
  ),
  revision: z.string().min(1).optional().describe("Branch, tag or commit of a hub id. Default main."),
  lora: z.union([z.boolean(), loraSchema]).register(typeNames, {
    type: 'boolean | Omit<LoraOptions, "seed">',
    from: { LoraOptions: "lib/models/lora_options.ts" },
  }).nullable().default(null).transform((lora) =>
    lora === true ? loraSchema.parse({}) : lora === false ? null : lora
  ).describe("Train an adapter and freeze the weights; true: with its defaults. Default null: train all."),
  adapter: z.string().min(1).nullable().default(null).describe(
    "Folder of a PEFT adapter to start from. Default null.",
  ),
  seed: z.int().min(0).default(1).describe("Seed of the adapter's initial values. Default: the run's."),
  weights: z.enum(["auto", "float32", "bfloat16", "int8", "q4"]).default("auto").describe(
    "How frozen matrices are kept: auto takes 8 or 4 bits of a GGUF file and 16 bits as they are where an adapter freezes them, and 16 bits where " +
      "float32 would not fit; the others freeze the weights. On webgpu 16 bits are float16. Default auto.",
  ),
}).register(typeNames, {
  type: "LoadModelOptions",
  from: { LoadModelOptions: "lib/models/load_model_options.ts" },
});
