import type { CausalLM } from "../models/causal_lm.ts";
import { loadCheckpoint } from "../training/checkpoint.ts";
import { assignParameters } from "../training/parameter_state.ts";

/**
 * Gives a model the weights, or the adapter, of a checkpoint: to go back to the best one of a run, or to judge a run that is still
 * training. `path` is a checkpoint, or a folder of them, whose newest whole one is taken.
 *
 * @throws {CheckpointError} when there is no whole checkpoint
 * @throws {RangeError} when it is of another model
 * @example
 * ```ts
 * const run = await grpo(model, data.train, { reward, evaluation: { problems: data.test } });
 * await restoreModel(model, run.best!.checkpoint);
 * ```
 */
export async function restoreModel(model: CausalLM, path: string): Promise<void> {
  assignParameters(model.decoder, (await loadCheckpoint(path)).tensors);
}
