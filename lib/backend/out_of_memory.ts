import { HeapError } from "./shared_wasm.ts";
import { GpuMemoryError } from "./webgpu_memory.ts";

/** Whether work failed because memory ended, on the CPU or on the GPU: less at once may fit. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof HeapError || error instanceof GpuMemoryError;
}
