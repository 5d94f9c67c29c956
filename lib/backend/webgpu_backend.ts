import type * as tf from "@tensorflow/tfjs";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";

/** What tfjs keeps of buffers, in the fields that trimming needs; the version is pinned. */
interface BufferManager {
  freeBuffers: Map<string, GPUBuffer[]>;
  numFreeBuffers: number;
  numBytesUsed: number;
  numBytesAllocated: number;
}

/** Free buffers may take this much, or as much as those in use, before they are given back. */
const idleBytes = 256 << 20;

/**
 * tfjs's WebGPU backend, made safe for long runs. Reading throws what the device reported meanwhile, since a refused operation is
 * otherwise silent and leaves wrong data. Buffers that lie idle are destroyed when they outgrow those in use: tfjs keeps every size
 * for ever, so that batches of changing length would fill the card.
 */
export class CheckedWebgpuBackend extends WebGPUBackend {
  readonly #check: () => void;

  /** @param check throws what the device reported, if anything */
  constructor(device: GPUDevice, info: GPUAdapterInfo, check: () => void) {
    super(device, info);
    this.#check = check;
  }

  override async read(dataId: object): Promise<tf.backend_util.BackendValues> {
    try {
      return await super.read(dataId);
    } finally {
      this.#check();
    }
  }

  override submitQueue(): void {
    super.submitQueue();
    const buffers = (this as unknown as { bufferManager: BufferManager }).bufferManager;
    const idle = buffers.numBytesAllocated - buffers.numBytesUsed;
    if (idle <= Math.max(idleBytes, buffers.numBytesUsed)) return;
    // all work that uses them was submitted, and destroying waits for it
    for (const free of buffers.freeBuffers.values()) for (const buffer of free.splice(0)) buffer.destroy();
    buffers.numFreeBuffers = 0;
    buffers.numBytesAllocated = buffers.numBytesUsed;
  }
}
