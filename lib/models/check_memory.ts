import { heapLimit } from "../backend/shared_wasm.ts";
import { PlainError } from "../display/plain_error.ts";
import { device } from "../kernels/device.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { estimateMemory, type EstimateMemoryOptions, type MemoryEstimate } from "./estimate_memory.ts";

/** A model does not fit into the memory that there is. */
export class ModelMemoryError extends PlainError {
  /** What tells it from other errors. */
  override name = "ModelMemoryError";
}

/**
 * Bytes that tensors may still take, and frozen weights beside them: on the CPU what is left of the WebAssembly heap, and of the memories
 * beside it and of the machine; what a GPU has is not known.
 */
export function memoryLeft(): Required<Pick<EstimateMemoryOptions, "limit" | "weightLimit">> {
  const { memoryLeft, weightsLeft } = device();
  return { limit: memoryLeft, weightLimit: weightsLeft };
}

/**
 * Refuses a model that cannot fit, before anything is allocated.
 *
 * @param where what to call the model in the message
 * @throws {ModelMemoryError} saying what it takes, what there is, and the way out
 */
export function checkMemory(
  config: DecoderConfig,
  { where, ...options }: EstimateMemoryOptions & { where: string },
): MemoryEstimate {
  const estimate = estimateMemory(config, { ...memoryLeft(), ...options });
  if (!estimate.fits) {
    throw new ModelMemoryError(
      `loading ${where} on the CPU, whose WebAssembly heap ends at ${(heapLimit / 1e9).toFixed(2)} GB: ` +
        `${estimate.message}, or a GPU (useBackend({ backend: "webgpu" }))`,
    );
  }
  return estimate;
}
