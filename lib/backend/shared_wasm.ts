/**
 * tfjs's threaded WebAssembly build on a shared memory of ours, so that our kernels and workers see tfjs's heap.
 * XNNPACK gets one thread: its spinning pool loses tenfold when a core is taken away, ours does not.
 */
import * as tf from "@tensorflow/tfjs";
import * as tfwasm from "@tensorflow/tfjs-backend-wasm";
import { PlainError } from "../display/plain_error.ts";
import { memoryOf, memorySpan, OuterMemory } from "./outer_memory.ts";
import { packageRequire } from "./package_files.ts";

/** The largest heap a 32-bit WebAssembly module can have, in bytes. */
export const heapLimit = 65536 * 65536;

/** Bytes of the heap in use, counted where they are allocated: tfjs's own count takes clones, which share their data, twice. */
export const heapUse = {
  bytes: 0,
  /** The most since it was last set to `bytes`. */
  peak: 0,
  /** Where an allocation fails: the heap's end, or less, to leave memory to others. */
  limit: heapLimit,
};

/** What the CPU kernels need to know of tfjs-wasm. */
export interface SharedWasm {
  memory: WebAssembly.Memory;
  /** The memories beside it. */
  outer: OuterMemory;
  /** Allocates `bytes` on tfjs's heap for the life of the process. */
  allocate(bytes: number): number;
}

/** The WebAssembly heap has no room left for a tensor. */
export class HeapError extends PlainError {
  /** What tells it from other errors. */
  override name = "HeapError";
  /** Says what was asked for and what there is. */
  constructor(bytes: number) {
    const gigabytes = (count: number) => (count / 1e9).toFixed(2);
    super(
      `making a tensor of ${gigabytes(bytes)} GB on the CPU: a WebAssembly heap ends at ${
        gigabytes(heapUse.limit)
      } GB, and ${
        gigabytes(heapUse.bytes)
      } GB are in use; choose a smaller model, batch or length, train a LoRA adapter instead of all weights, or use a GPU`,
    );
  }
}

let shared: Promise<SharedWasm> | undefined;
/** What tfjs-wasm knows of a tensor's data. */
interface WasmData {
  id: number;
  memoryOffset: number;
  shape: number[];
  dtype: tf.DataType;
  refCount: number;
}
interface WasmBackend extends tf.KernelBackend {
  dataIdNextNumber: number;
  dataIdMap: { get(id: unknown): WasmData; set(id: unknown, data: WasmData): void };
  readSync(dataId: object, start?: number, end?: number): tf.backend_util.BackendValues;
}

let outerMemory: OuterMemory | null = null;

/** Whether a tensor lies outside the heap, where tfjs's operations do not read it. */
export const isOuter = ({ dataId }: tf.TensorInfo): boolean =>
  tf.getBackend() === "wasm" && outerMemory !== null &&
  memoryOf((tf.backend() as WasmBackend).dataIdMap.get(dataId)?.memoryOffset ?? 0) > 0;

/** Bytes that weights may still take outside the heap; 0 where the heap is not in use. */
export const outerLeft = (): number => tf.getBackend() === "wasm" && outerMemory ? outerMemory.left : 0;

/**
 * A tensor outside the heap, with its numbers to be filled in: kernels of ours, `data()` and `dispose()` know it, tfjs's operations do
 * not. `null` where tfjs-wasm on our heap is not the backend.
 */
export function outerTensor(
  shape: number[],
  dtype: "float32" | "int32",
): { tensor: tf.Tensor; values: Float32Array | Int32Array } | null {
  if (tf.getBackend() !== "wasm" || !outerMemory) return null;
  const backend = tf.backend() as WasmBackend, size = tf.util.sizeFromShape(shape);
  const address = outerMemory.allocate(4 * size), bytes = outerMemory.view(address, 4 * size);
  // not registered with the module: an operation of tfjs that is given it fails instead of reading the heap
  const id = backend.dataIdNextNumber++, dataId = { id };
  backend.dataIdMap.set(dataId, { id, memoryOffset: address, shape, dtype, refCount: 1 });
  return {
    tensor: tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype }),
    values: dtype === "float32"
      ? new Float32Array(bytes.buffer, bytes.byteOffset, size)
      : new Int32Array(bytes.buffer, bytes.byteOffset, size),
  };
}

/** Registers the tfjs backend `wasm` on a shared memory, once a process. */
export function sharedWasm(): Promise<SharedWasm> {
  return shared ??= load();
}

async function load(): Promise<SharedWasm> {
  const folder = packageRequire.resolve("@tensorflow/tfjs-backend-wasm/package.json").replace(
    /package\.json$/,
    "",
  );
  const name = "tfjs-backend-wasm-threaded-simd";
  const source = (await Deno.readTextFile(`${folder}wasm-out/${name}.js`)).replace(
    "pthreadPoolSize=8",
    "pthreadPoolSize=1",
  );
  // the build waits for one worker to load; XNNPACK with one thread never gives it work, so none is started
  const IdleWorker = class {
    onmessage?: (event: { data: { cmd: string } }) => void;
    postMessage(message: { cmd: string }) {
      if (message.cmd === "load") queueMicrotask(() => this.onmessage?.({ data: { cmd: "loaded" } }));
    }
    terminate() {}
  };
  // tfjs would take Deno for Node, and set globals: it gets a private scope that looks like a browser's
  const factory = new Function(
    "process",
    "Worker",
    "importScripts",
    "navigator",
    `${source};return WasmBackendModuleThreadedSimd`,
  )(
    undefined,
    IdleWorker,
    undefined,
    { hardwareConcurrency: 1 },
  );
  // untouched pages cost nothing, growing later does
  const memory = new WebAssembly.Memory({ initial: 4096, maximum: 65536, shared: true });
  const module = await factory({
    wasmMemory: memory,
    wasmBinary: await Deno.readFile(`${folder}dist/${name}.wasm`),
    locateFile: (path: string) => path,
    mainScriptUrlOrBlob: name,
  });
  // malloc gives 0 past the end, and tfjs would write its tensors over the start of the heap
  // (its first call replaces the property, so it comes before ours)
  module._free(module._malloc(8));
  const malloc: (bytes: number) => number = module._malloc, free: (address: number) => void = module._free;
  const sizes = new Map<number, number>();
  module._malloc = (bytes: number) => {
    const address = heapUse.bytes + bytes > heapUse.limit ? 0 : malloc(bytes);
    if (address === 0 && bytes > 0) throw new HeapError(bytes);
    sizes.set(address >>> 0, bytes);
    heapUse.bytes += bytes;
    heapUse.peak = Math.max(heapUse.peak, heapUse.bytes);
    return address;
  };
  const outer = new OuterMemory();
  module._free = (address: number) => {
    if (address >= memorySpan) return outer.free(address);
    heapUse.bytes -= sizes.get(address >>> 0) ?? 0;
    sizes.delete(address >>> 0);
    free(address);
  };
  const wrap = module.cwrap;
  module.tfjs = {
    init: wrap("init", null, []),
    initWithThreadsCount: wrap("init_with_threads_count", null, ["number"]),
    getThreadsCount: wrap("get_threads_count", "number", []),
    registerTensor: wrap("register_tensor", null, ["number", "number", "number"]),
    disposeData: wrap("dispose_data", null, ["number"]),
    dispose: wrap("dispose", null, []),
  };
  tfwasm.setThreadsCount(1);
  const Stock = (tfwasm as unknown as { BackendWasm: new (module: unknown) => WasmBackend }).BackendWasm;
  class Backend extends Stock {
    override readSync(dataId: object, start = 0, end?: number) {
      const { memoryOffset, shape, dtype } = this.dataIdMap.get(dataId);
      if (memoryOf(memoryOffset ?? 0) === 0) return super.readSync(dataId, start, end);
      const bytes = outer.view(memoryOffset + 4 * start, 4 * ((end ?? tf.util.sizeFromShape(shape)) - start));
      const { buffer } = bytes.slice();
      return dtype === "float32" ? new Float32Array(buffer) : new Int32Array(buffer);
    }
  }
  tf.removeBackend("wasm");
  tf.registerBackend("wasm", () => new Backend(module), 2);
  shareClones();
  outerMemory = outer;
  return { memory, outer, allocate: (bytes) => module._malloc(bytes) };
}

/**
 * Lets clones share their data, as they do on tfjs's other backends. tfjs-wasm copies it, and what an operation saves for its
 * gradient is a clone: every activation lay on the heap twice. What is written in place must have no clone (see `adamw`).
 */
function shareClones(): void {
  tf.unregisterKernel("Identity", "wasm");
  tf.registerKernel({
    kernelName: "Identity",
    backendName: "wasm",
    kernelFunc({ inputs: { x }, backend }) {
      const { dataId, shape, dtype } = x as tf.TensorInfo;
      (backend as tf.KernelBackend).incRef(dataId);
      return { dataId, shape, dtype };
    },
  });
}
