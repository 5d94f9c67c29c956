import { checkArgument } from "../options/check_argument.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { loadCheckpoint } from "../training/checkpoint.ts";
import { assignParameters } from "../training/parameter_state.ts";
import { checkpointPath } from "./checkpoint_path.ts";
import type { TrainingRun } from "../training/run.ts";

/**
 * Gives a model the weights, or the adapter, of a checkpoint: to go back to the best one of a run, or to judge a run that is still
 * training. `from` is a checkpoint, a folder of them, whose newest whole one is taken, or a run.
 *
 * @throws {CheckpointError} when there is no whole checkpoint
 * @throws {RangeError} when it is of another model
 * @example
 * ```ts
 * import { loadDataset, loadModel, restoreModel, sft } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * const checkpoints = await Deno.makeTempDir();
 * const run = await sft(model, data.train, { steps: 2, batchSize: 4, checkpoints, evaluation: { problems: data.test, maxTokens: 16 } });
 * await restoreModel(model, run.best!.checkpoint);
 * ```
 */
export async function restoreModel(model: CausalLM, from: string | TrainingRun): Promise<void> {
  checkArgument("restoreModel's first argument", "model", model);
  const path = checkpointPath(from, "restoreModel");
  assignParameters(model.decoder, (await loadCheckpoint(path)).tensors);
}
