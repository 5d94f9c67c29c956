import type { Teacher } from "../generation/teacher.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import type { Decoder } from "../models/decoder.ts";
import { accumulate } from "../training/accumulate.ts";
import { type Gradients, tokenValues } from "../training/backward.ts";
import { distillationLoss } from "../training/distillation_loss.ts";
import type { PassBudget } from "../training/pass_budget.ts";
import type { StepMetrics } from "../training/run.ts";
import type { TokenBatch, TokenSequence } from "../training/token_batch.ts";
import { isServer } from "./check_teacher.ts";
import type { DistillConfig } from "./distill_schema.ts";
import { type RolloutBatch, rolloutSequences } from "./rollout_batch.ts";

/** Options of {@linkcode distillationGradients}. */
export interface DistillationGradientOptions {
  teacher: CausalLM | Teacher;
  /** Decides how many of the rollouts go through the student at once. */
  budget: PassBudget;
  /** Distillation's options. */
  config: DistillConfig;
  /** At this update. */
  temperature: number;
  /** The update's number, from 0. */
  index: number;
  /** Ends the update between two passes. */
  signal: AbortSignal;
}

/** The gradients of the divergence from the teacher on some rollouts, and what is worth logging of it. */
export interface DistillationGradients {
  /** By variable name; the owner disposes of them. */
  gradients: Gradients;
  /** Of the whole batch. */
  loss: number;
  /** For the log. */
  metrics: Pick<StepMetrics, "loss" | "teacherKl" | "entropy" | "tokens">;
}

/** Sends rollouts through student and teacher, pass by pass: the mean divergence a token, each token of the batch counting alike. */
export async function distillationGradients(
  decoder: Decoder,
  { groups }: Pick<RolloutBatch, "groups">,
  { teacher, budget, config, temperature, index, signal }: DistillationGradientOptions,
): Promise<DistillationGradients> {
  const { gradientAccumulation, seed } = config;
  const batch = rolloutSequences(groups);
  const all = batch.reduce((sum, { completion }) => sum + completion.length, 0);
  const exact = !isServer(teacher) && config.divergence !== "sampled";
  const teacherLogprobs = async (sequences: readonly TokenSequence[], tokens: TokenBatch) =>
    isServer(teacher)
      ? await teacher.logprobs(sequences, signal)
      : tokens.split((await tokenValues(teacher.decoder, tokens, { temperature })).logprobs);

  const { gradients, loss, tokens, entropy } = await accumulate(
    decoder,
    batch,
    async ({ sequences, tokens }) => {
      if (exact) {
        return ({ divergence }) => ({
          loss: divergence!.reduce((sum, kl) => sum + kl, 0) / all,
          gradient: new Float32Array(divergence!.length).fill(1 / all),
        });
      }
      const theirs = await teacherLogprobs(sequences, tokens);
      return ({ logprobs }) => {
        const { loss, gradient } = distillationLoss(tokens.split(logprobs), theirs, { tokens: all });
        return { loss, gradient: Float32Array.from(gradient.flatMap((row) => Array.from(row))) };
      };
    },
    {
      size: gradientAccumulation > 1 ? Math.ceil(batch.length / gradientAccumulation) : null,
      temperature,
      budget,
      teacher: exact ? (teacher as CausalLM).decoder : undefined,
      dropout: { seed, step: index },
      signal,
    },
  );
  return { gradients, loss, metrics: { loss, teacherKl: loss, entropy: entropy / tokens, tokens } };
}
