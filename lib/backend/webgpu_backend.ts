import type * as tf from "@tensorflow/tfjs";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";

/** What tfjs keeps of buffers, in the fields that trimming needs; the version is pinned. */
interface BufferManager {
  freeBuffers: Map<string, GPUBuffer[]>;
  numFreeBuffers: number;
  numBytesUsed: number;
  numBytesAllocated: number;
}

/** The same of tensors. */
interface Internals {
  bufferManager: BufferManager;
  commandEncoder: GPUCommandEncoder | null;
  tensorMap: { has(id: object): boolean; get(id: object): { values: unknown; resource: unknown } };
  endComputePassEncoder(): void;
  releaseResource(id: object): void;
}

/** Beyond what was lately in use at once, free buffers may take this much. */
const idleBytes = 256 << 20;
/** "Lately": a training step of a small model, or a hundred tokens or two. */
const submissionsRemembered = 256;

/** Tensors that were uploaded meanwhile, with what was uploaded. */
export interface Uploads {
  /** They are uploaded again on their next use. */
  restore(): void;
  /** What was uploaded is kept no longer. */
  forget(): void;
}

/**
 * tfjs's WebGPU backend, made safe for long runs. Reading throws what the device reported meanwhile, since a refused operation is
 * otherwise silent and leaves wrong data. tfjs keeps buffers of every size for ever, so that batches of changing length would fill the
 * card: those that lie idle the longest are destroyed when all together outgrow what was lately in use at once, so that a run of
 * equal steps makes none anew.
 */
export class CheckedWebgpuBackend extends WebGPUBackend {
  readonly #check: () => void;
  /** The most bytes in use at a submission, in this stretch of them and in the one before. */
  readonly #peaks = [0, 0];
  #submissions = 0;
  /** When each free buffer was first seen to be so. */
  #idleSince = new Map<GPUBuffer, number>();
  #uploaded: Map<object, unknown> | null = null;

  /** @param check throws what the device reported, if anything */
  constructor(device: GPUDevice, info: GPUAdapterInfo, check: () => void) {
    super(device, info);
    this.#check = check;
  }

  get #internals(): Internals {
    return this as unknown as Internals;
  }

  override async read(dataId: object): Promise<tf.backend_util.BackendValues> {
    try {
      return await super.read(dataId);
    } finally {
      this.#check();
    }
  }

  override uploadToGPU(dataId: object): void {
    const data = this.#internals.tensorMap.get(dataId);
    if (this.#uploaded && data.values && !data.resource) this.#uploaded.set(dataId, data.values);
    super.uploadToGPU(dataId);
  }

  /** Keeps what tensors are uploaded from, until it is restored or forgotten. */
  keepUploads(): Uploads {
    const uploaded = this.#uploaded = new Map<object, unknown>(), { tensorMap } = this.#internals;
    const forget = () => this.#uploaded = null;
    return {
      forget,
      restore: () => {
        forget();
        for (const [dataId, values] of uploaded) {
          if (!tensorMap.has(dataId)) continue;
          this.#internals.releaseResource(dataId);
          tensorMap.get(dataId).values = values;
        }
      },
    };
  }

  /** Submits what waits for a submission. */
  submitRecorded(): void {
    if (!this.#internals.commandEncoder) return;
    this.#internals.endComputePassEncoder();
    this.submitQueue();
  }

  override submitQueue(): void {
    const { bufferManager: buffers } = this.#internals;
    // before buffers of disposed tensors are given back
    this.#peaks[0] = Math.max(this.#peaks[0], buffers.numBytesUsed);
    super.submitQueue();
    if (++this.#submissions % submissionsRemembered === 0) {
      this.#peaks.unshift(buffers.numBytesUsed);
      this.#peaks.pop();
    }
    const most = Math.max(...this.#peaks) + idleBytes;
    if (buffers.numBytesAllocated > most) this.#trim(most);
  }

  /** Destroys all buffers that no tensor has. */
  dropIdleBuffers(): void {
    this.#trim(0);
    this.#peaks.fill(0);
  }

  /** Destroys the buffers that are idle for the longest, until no more than `bytes` are allocated, or none is idle. */
  #trim(bytes: number): void {
    const { bufferManager: buffers } = this.#internals, known = this.#idleSince;
    const idle = [...buffers.freeBuffers.values()].flat();
    this.#idleSince = new Map(idle.map((buffer) => [buffer, known.get(buffer) ?? this.#submissions]));
    idle.sort((a, b) => this.#idleSince.get(a)! - this.#idleSince.get(b)!);
    const gone = new Set<GPUBuffer>();
    for (const buffer of idle) {
      if (buffers.numBytesAllocated <= bytes) break;
      gone.add(buffer);
      buffers.numBytesAllocated -= buffer.size;
      // all work that uses it was submitted, and destroying waits for it
      buffer.destroy();
    }
    for (const [key, free] of buffers.freeBuffers) {
      buffers.freeBuffers.set(key, free.filter((buffer) => !gone.has(buffer)));
    }
    buffers.numFreeBuffers -= gone.size;
  }
}
