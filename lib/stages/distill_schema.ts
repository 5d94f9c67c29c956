import { z } from "zod";
import { samplingFields } from "../generation/sampling_schema.ts";
import type { OptionsSchema } from "../options/options_schema.ts";
import { typeNames } from "../options/type_names.ts";
import { learningRateSchema, scheduled } from "../schedules/schedule_schema.ts";
import { trainingFields } from "../training/training_schema.ts";
import type { DistillSettings } from "./distill_settings.ts";

const count = z.int().min(1);

/** Options of `distill`, complete. */
export type DistillConfig = Required<DistillSettings>;

/** The schema of `distill`'s options; the teacher, the curriculum and functions such as `onStep` are passed beside them. */
export const distillSchema: OptionsSchema<DistillConfig, DistillSettings> = z.strictObject({
  steps: count.default(100).describe("Optimizer updates. TRL: max_steps. Default 100."),
  promptsPerStep: count.default(8).describe("Prompts sampled for an update. Default 8."),
  generations: count.default(4).describe(
    "Completions a prompt; one is enough, since each is held against the teacher and not against its siblings. Default 4.",
  ),
  learningRate: learningRateSchema.default(5e-4).describe(
    "TRL: learning_rate, lr_scheduler_type. Default 5e-4.",
  ),
  divergence: z.enum(["exact", "sampled"]).nullable().default(null).describe(
    "exact: the reverse KL over whole distributions at every token (GKD with lmbda 1 and beta 1); sampled: estimated from the token drawn alone " +
      "(Thinking Machines 2025), all that a server gives. Default null: exact with a model, sampled with a server.",
  ),
  temperature: scheduled(z.number().positive()).default(1).describe(
    "Sampling temperature; both distributions are taken at it. TRL: temperature. Default 1.",
  ),
  ...samplingFields,
  ...trainingFields,
}).superRefine(({ promptsPerStep, generations, gradientAccumulation }, context) => {
  const batch = promptsPerStep * generations;
  if (gradientAccumulation > batch) {
    context.addIssue({
      code: "custom",
      path: ["gradientAccumulation"],
      message: `must not be above promptsPerStep × generations (${batch})`,
    });
  }
}).register(typeNames, {
  type: "DistillSettings",
  from: { DistillSettings: "lib/stages/distill_settings.ts" },
});
