import { z } from "zod";
import type { OptionsSchema } from "../options/options_schema.ts";
import { typeNames } from "../options/type_names.ts";
import { learningRateSchema } from "../schedules/schedule_schema.ts";
import { trainingFields } from "../training/training_schema.ts";
import type { DemonstrationShares, SftSettings } from "./sft_settings.ts";

const count = z.int().min(1);

/** Options of `sft`, complete. */
export type SftConfig = Required<Omit<SftSettings, "demonstrations">> & {
  /** Relative shares of the kinds of demonstration. */
  demonstrations: Required<DemonstrationShares>;
};

/** The schema of `sft`'s options. */
export const sftSchema: OptionsSchema<SftConfig, SftSettings> = z.strictObject({
  steps: count.default(300).describe("Optimizer updates. TRL: max_steps. Default 300."),
  batchSize: count.default(32).describe(
    "Examples an update learns from. TRL: per_device_train_batch_size × gradient_accumulation_steps. Default 32.",
  ),
  learningRate: learningRateSchema.prefault({ kind: "cosine", peak: 2e-3, warmupRatio: 0.05 }).describe(
    "TRL: learning_rate, lr_scheduler_type. Default: cosine to 0 from 2e-3 after 5 % of warm-up.",
  ),
  maxLength: count.default(256).describe(
    "Longest prompt and completion in tokens; longer examples are left out. TRL: max_length. Default 256.",
  ),
  packing: z.boolean().default(false).describe(
    "A step takes as many examples as batchSize × maxLength tokens hold, instead of batchSize; none sees another. TRL: packing. " +
      "Default false.",
  ),
  demonstrations: z.strictObject({
    full: z.number().min(0).default(1).describe("Share with the whole reasoning. Default 1."),
    terse: z.number().min(0).default(0).describe("Share with the final calculation only. Default 0."),
    answerOnly: z.number().min(0).default(0).describe(
      "Share with one stock sentence for reasoning. Default 0.",
    ),
  }).prefault({}).refine((shares) => shares.full + shares.terse + shares.answerOnly > 0, {
    message: "must have at least one share above 0",
  }).register(typeNames, {
    type: "DemonstrationShares",
    doc: "Relative shares of the kinds of demonstration.",
  }).describe("Relative shares of the kinds of demonstration. Default: all with the whole reasoning."),
  ...trainingFields,
}).superRefine((value, context) => {
  if (value.gradientAccumulation > value.batchSize) {
    context.addIssue({
      code: "custom",
      path: ["gradientAccumulation"],
      message: `must not be above batchSize (${value.batchSize})`,
    });
  }
}).register(typeNames, { type: "SftSettings", from: { SftSettings: "lib/stages/sft_settings.ts" } });
