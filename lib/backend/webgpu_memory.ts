import * as tf from "@tensorflow/tfjs";
import { PlainError } from "../display/plain_error.ts";
import type { CheckedWebgpuBackend } from "./webgpu_backend.ts";
import { checkDevice, reportTrouble } from "./webgpu_device.ts";

/** The GPU had no memory left for what was asked of it. */
export class GpuMemoryError extends PlainError {
  /** What tells it from other errors. */
  override name = "GpuMemoryError";
}

/**
 * Does `work` under an out-of-memory error scope: what does not fit leaves the device as it was, with all tensors of before, instead
 * of losing it. Everything recorded before is submitted first, so that none of it is dropped with a submission that fails.
 *
 * @param release gives back what `work` has kept; called where it failed, while the buffers can still be told from good ones
 * @throws {GpuMemoryError} when a buffer did not fit; tensors in what `work` gave are disposed of then
 * @example
 * ```ts ignore
 * const gradients = await withinGpuMemory(() => backwardPass(batch)); // or make the batch smaller
 * ```
 */
export async function withinGpuMemory<T>(work: () => Promise<T>, release?: () => void): Promise<T> {
  const backend = tf.backend() as unknown as CheckedWebgpuBackend, { device } = backend;
  backend.submitRecorded();
  const uploads = backend.keepUploads();
  device.pushErrorScope("validation");
  device.pushErrorScope("out-of-memory");
  let value: T | undefined, thrown: { error: unknown } | null = null;
  try {
    value = await work();
  } catch (error) {
    thrown = { error };
  }
  // a lost device has no scopes, and says so by its signal
  const popped = () => device.popErrorScope().catch(() => null);
  let full: GPUError | null = null, refused: GPUError | null = null;
  try {
    backend.submitRecorded();
  } finally {
    full = await popped();
    refused = await popped();
  }
  if (full || thrown) release?.();
  if (full) {
    tf.dispose(value as tf.TensorContainer);
    uploads.restore();
    backend.dropIdleBuffers();
    throw new GpuMemoryError(
      `the GPU's memory is full (${full.message}): choose a smaller model, batch or length, or train a LoRA adapter instead of all weights`,
      { cause: thrown?.error },
    );
  }
  uploads.forget();
  if (thrown) throw thrown.error;
  if (refused) reportTrouble(`the WebGPU device refused an operation: ${refused.message}`);
  checkDevice();
  return value!;
}
