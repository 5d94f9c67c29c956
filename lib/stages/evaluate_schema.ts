import { z } from "zod";
import { samplingFields } from "../generation/sampling_schema.ts";
import { formatSchema } from "../formats/format_schema.ts";
import { chatTemplateOptions } from "../options/chat_template_options.ts";
import type { OptionsSchema } from "../options/options_schema.ts";
import { systemPrompt } from "../options/system_prompt.ts";
import { typeNames } from "../options/type_names.ts";
import type { EvaluateSettings } from "./evaluate_settings.ts";

const count = z.int().min(1);

/** 1, 2, 4, … up to the samples of a problem, and all of them. */
function usualKs(samples: number): number[] {
  const powers = Array.from({ length: Math.floor(Math.log2(samples)) + 1 }, (_, i) => 2 ** i);
  return [...new Set([...powers, samples])];
}

/** Options of `evaluate`, complete. */
export type EvaluateConfig = Required<Omit<EvaluateSettings, "name">> & Pick<EvaluateSettings, "name">;

/** The schema of `evaluate`'s options. */
export const evaluateSchema: OptionsSchema<EvaluateConfig, EvaluateSettings> = z.strictObject({
  name: z.string().min(1).optional().describe("What tables and figures call the evaluation."),
  systemPrompt,
  chatTemplateOptions,
  format: formatSchema,
  ...samplingFields,
  temperature: z.number().min(0).default(0).describe(
    "0 takes the likeliest token. TRL: temperature. Default 0.",
  ),
  batchSize: count.default(64).describe(
    "Completions sampled at once; never changes what is drawn. Default 64.",
  ),
  limit: count.nullable().default(null).describe(
    "Take only the first problems of the set. Default null: all.",
  ),
  samples: count.default(1).describe("Completions a problem, for pass@k and maj@k. Default 1."),
  passAt: z.array(count).min(1).optional().describe(
    "The k of pass@k and maj@k. Default: 1, 2, 4, … up to `samples`, and `samples`.",
  ),
  seed: z.int().min(0).default(1).describe("Seed of sampling. Default: the run's."),
}).superRefine((value, context) => {
  if (value.samples > 1 && value.temperature === 0) {
    context.addIssue({
      code: "custom",
      path: ["samples"],
      message: "needs a temperature above 0, or all would be the same",
    });
  }
  const largest = Math.max(1, ...value.passAt ?? []);
  if (largest > value.samples) {
    context.addIssue({
      code: "custom",
      path: ["passAt"],
      message: `must not go above samples (${value.samples})`,
    });
  }
}).transform((value) => ({ ...value, passAt: value.passAt ?? usualKs(value.samples) })).register(typeNames, {
  type: "EvaluateSettings",
  from: { EvaluateSettings: "lib/stages/evaluate_settings.ts" },
});
