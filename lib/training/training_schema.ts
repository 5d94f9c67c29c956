import { z } from "zod";
import { formatSchema } from "../formats/format_schema.ts";
import { chatTemplateOptions } from "../options/chat_template_options.ts";
import { systemPrompt } from "../options/system_prompt.ts";
import { scheduled } from "../schedules/schedule_schema.ts";

const count = z.int().min(1);

/** The options that SFT and GRPO share. */
export const trainingFields = {
  seed: z.int().min(0).default(1).describe(
    "Seed of everything random in the stage. Default 1; in a file, the run's.",
  ),
  systemPrompt,
  chatTemplateOptions,
  format: formatSchema,
  gradientAccumulation: count.default(1).describe(
    "Parts that a step's batch is cut into, to save memory. TRL: gradient_accumulation_steps. Default 1.",
  ),
  checkpointing: z.boolean().default(false).describe(
    "Keep only what goes into each layer and compute the rest again in the backward pass: less memory, about a third more time. " +
      "TRL: gradient_checkpointing. Default false.",
  ),
  weightDecay: scheduled(z.number().min(0)).default(0).describe("AdamW's decoupled weight decay. Default 0."),
  betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.9, 0.999]).describe(
    "Decay of AdamW's first and second moment. TRL: adam_beta1, adam_beta2. Default [0.9, 0.999].",
  ),
  maxGradNorm: scheduled(z.number().positive()).default(1).describe(
    "Gradients are scaled down to this global L2 norm. TRL: max_grad_norm. Default 1.",
  ),
  maxMinutes: z.number().positive().nullable().default(null).describe(
    "The stage ends after the step that passes this many minutes. Default null: no limit.",
  ),
  evaluateEvery: count.nullable().default(null).describe(
    "Steps between evaluations by the `evaluation` given to the stage; one follows the last step too. TRL: eval_steps. " +
      "Default null: a tenth of the run.",
  ),
  bestBy: z.string().min(1).default("accuracy").describe(
    "The evaluation's metric, higher being better, whose best checkpoint is kept. TRL: metric_for_best_model. " +
      "Default accuracy.",
  ),
  checkpointEvery: count.nullable().default(null).describe(
    "Steps between checkpoints. TRL: save_steps. Default null: when the stage ends early, and on a GPU, which can be lost, " +
      "after the first step and every ten minutes.",
  ),
  checkpoints: z.string().min(1).nullable().default(null).describe(
    "Folder for checkpoints, relative to the configuration file. TRL: output_dir. Default null: results/checkpoints/NAME-1, or the next " +
      "number, in the working directory, made with the first checkpoint; an export takes it along.",
  ),
  keepCheckpoints: count.default(2).describe("Newest checkpoints to keep. TRL: save_total_limit. Default 2."),
};
