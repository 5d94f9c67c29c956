import * as tf from "@tensorflow/tfjs";
import { heapUse, outerLeft } from "../backend/shared_wasm.ts";
import { withinGpuMemory } from "../backend/webgpu_memory.ts";
import { cpuKernels } from "./cpu/cpu_kernels.ts";
import { type CpuEngine, cpuEngine } from "./cpu/engine.ts";
import type { Device, Kernels } from "./kernels.ts";
import { activeDevice } from "./webgpu/command_stream.ts";
import { webgpuKernels } from "./webgpu/webgpu_kernels.ts";

/** Beside weights of a model that fits the smallest heap or card, this much of keys and values does. */
const firstCache = 512 << 20;

/** tfjs's other backends, or any backend on request: operations compute by their references. */
const reference: Device = {
  kernels: null,
  synchronousReads: false,
  halves: null,
  quantisedMatrices: false,
  tokensAtOnce: 1536,
  mostTokensAtOnce: 1536,
  bytesAtOnce: Infinity,
  largestTensor: Infinity,
  largestBinding: Infinity,
  cacheAtOnce: firstCache,
  mostCacheAtOnce: firstCache,
  get memoryLeft() {
    return heapLeft();
  },
  weightsLeft: null,
  measure: measureHeap,
};

const webgpu: Device = {
  kernels: webgpuKernels,
  synchronousReads: false,
  halves: "float16",
  quantisedMatrices: true,
  // enough work a launch for a large card; 4,096 rows of a 270M model keep about 5 GB for the backward pass
  tokensAtOnce: 1 << 12,
  // more fill the largest card no better
  mostTokensAtOnce: 1 << 14,
  bytesAtOnce: Infinity,
  get largestTensor() {
    return activeDevice().limits.maxBufferSize;
  },
  get largestBinding() {
    return activeDevice().limits.maxStorageBufferBindingSize;
  },
  cacheAtOnce: firstCache,
  mostCacheAtOnce: 8 * 2 ** 30,
  memoryLeft: Infinity,
  weightsLeft: null,
  measure: async (work) => ({ value: await withinGpuMemory(work), bytes: null }),
};

const held = new WeakMap<CpuEngine, Kernels>();

function cpu(engine: CpuEngine): Device {
  let kernels = held.get(engine);
  if (!kernels) held.set(engine, kernels = cpuKernels(engine));
  return {
    kernels,
    synchronousReads: true,
    halves: "bfloat16",
    quantisedMatrices: true,
    // larger passes gain nothing that shows and take the memory for it, which a first step waits for
    tokensAtOnce: 1536,
    mostTokensAtOnce: 1536,
    bytesAtOnce: 1e9,
    largestTensor: Infinity,
    largestBinding: Infinity,
    cacheAtOnce: firstCache,
    mostCacheAtOnce: firstCache,
    memoryLeft: heapLeft(),
    get weightsLeft() {
      return Math.min(outerLeft(), machineLeft());
    },
    measure: measureHeap,
  };
}

async function measureHeap<T>(work: () => Promise<T>) {
  const before = heapUse.peak = heapUse.bytes, value = await work();
  return { value, bytes: tf.getBackend() === "wasm" ? heapUse.peak - before : null };
}

const heapLeft = () => tf.getBackend() === "wasm" ? heapUse.limit - heapUse.bytes : Infinity;

/** Bytes of the machine's memory that nobody uses; Infinity where the process may not ask. */
function machineLeft(): number {
  try {
    return Deno.systemMemoryInfo().available;
  } catch {
    return Infinity;
  }
}

let byReference = false;

/** The device that computes: that of tfjs's current backend. */
export function device(): Device {
  if (byReference) return reference;
  const backend = tf.getBackend();
  if (backend === "webgpu") return webgpu;
  const engine = cpuEngine();
  return engine ? cpu(engine) : reference;
}

/** @throws {Error} when nobody has chosen a backend: tfjs would take the first that it knows, without our kernels */
export function requireBackend(): void {
  if (tf.getBackend() !== undefined) return;
  throw new Error(
    "making a model needs a backend, and none was chosen: call `await useBackend()` first, as loadModel does by itself",
  );
}

/** Lets operations compute by their references on whatever backend is current, or by its kernels again. */
export function computeByReference(on: boolean): void {
  byReference = on;
}
