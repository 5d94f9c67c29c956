import type { Decoder } from "../models/decoder.ts";
import { tokenValues } from "../training/backward.ts";
import { importanceCorrection, type ImportanceCorrectionOptions } from "../training/importance_correction.ts";
import { inPasses } from "../training/in_passes.ts";
import type { PassBudget } from "../training/pass_budget.ts";
import { type RolloutBatch, rolloutSequences } from "./rollout_batch.ts";

/** Options of {@linkcode correctRollouts}. */
export interface CorrectRolloutsOptions {
  /** Decides how many of the rollouts go through the model at once. */
  budget: PassBudget;
  /** That the rollouts were drawn at. */
  temperature: number;
  correction: ImportanceCorrectionOptions;
}

/**
 * Gives rollouts that another program drew the trainer's own log-probabilities, from which the policy's ratios then start, and the weights that correct
 * the loss for the difference.
 */
export async function correctRollouts(
  decoder: Decoder,
  batch: RolloutBatch,
  { budget, temperature, correction }: CorrectRolloutsOptions,
): Promise<void> {
  const sequences = rolloutSequences(batch.groups);
  const trainer = await inPasses(sequences, {
    budget,
    rowsOf: async (tokens) => tokens.split((await tokenValues(decoder, tokens, { temperature })).logprobs),
  });
  const { weights, ratio, outside } = importanceCorrection(
    trainer,
    sequences.map(({ rollout }) => rollout.logprobs),
    correction,
  );
  sequences.forEach(({ rollout }, i) => rollout.logprobs = Array.from(trainer[i]));
  let place = 0;
  for (const group of batch.groups) {
    group.corrections = group.completions.map(() => Array.from(weights[place++]));
  }
  batch.samplerRatio = { ...ratio, outside };
}
