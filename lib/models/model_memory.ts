import { memoryLeft } from "./check_memory.ts";
import { estimateMemory, type EstimateMemoryOptions, type MemoryEstimate } from "./estimate_memory.ts";
import { findModel } from "./find_model.ts";
import type { HubOptions } from "./model_directory.ts";

/** Options of {@linkcode modelMemory}. */
export interface ModelMemoryOptions extends EstimateMemoryOptions, HubOptions {}

/**
 * Says what a model in a directory or on the hub would take, from its `config.json` alone: no weight is downloaded, read or allocated.
 * The default limits are what is left of the CPU's heap, and for frozen weights beside it; on a GPU give what the card has.
 *
 * @throws {ModelFileError} when there is no `config.json`, or one that is not supported
 * @throws {HubError} when it cannot be fetched
 * @example
 * ```ts
 * import { modelMemory } from "./model_memory.ts";
 * const { fits, message } = await modelMemory("data/models/tiny-gemma", { training: true, batchSize: 32 });
 * console.log(fits, message);
 * ```
 */
export async function modelMemory(path: string, options: ModelMemoryOptions = {}): Promise<MemoryEstimate> {
  const { revision, ...rest } = options, { config } = await findModel(path, { revision });
  // (a limit that is given is all there is)
  return estimateMemory(config, rest.limit === undefined ? { ...memoryLeft(), ...rest } : rest);
}
