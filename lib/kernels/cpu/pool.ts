/**
 * The worker pool of the CPU kernels. A parallel operation is a number (its index in `tasks.ts`), up to 40 words of
 * arguments in shared memory and a count of chunks; threads draw chunk numbers from a ticket. If the workers are
 * descheduled the main thread finishes alone. What a chunk computes never depends on who draws it, so results are
 * the same on every run.
 */
import { Worker } from "node:worker_threads";
import { panelBytes } from "../../backend/outer_memory.ts";
import { workerScript } from "../../backend/package_files.ts";
import { type Gemm, openBlas } from "./blas.ts";
import { openKernels, type PackedProduct } from "./blas_kernels.ts";
import type { BlasLibrary } from "./blas_library.ts";
import { narrowGemm } from "./narrow_gemm.ts";
import type { WasmKernels } from "./wasm_kernels.d.ts";

/** What a chunk function works with; one a thread. */
export interface Thread {
  kernels: WasmKernels;
  gemm: Gemm;
  /** The same for few rows, where every number of B is read for them alone. */
  narrowGemm: Gemm;
  /** Products of packed operands, where the BLAS lets us. */
  packed: PackedProduct | null;
  /** Arguments of the operation under way, as integers and as floats. */
  i32: Int32Array;
  f32: Float32Array;
  memory: WebAssembly.Memory;
  /** Whether `gemm` reads further memories than the heap. */
  readsOuter: boolean;
  /** A further memory (from 1). */
  outer(memory: number): OuterView;
  /** The whole heap by words and by bytes, as large as it is now. */
  heap(): { ints: Int32Array; floats: Float32Array; bytes: Uint8Array };
  /** Address and size of this thread's own scratch, in bytes. */
  scratch: number;
  scratchBytes: number;
}

/** A memory beside the heap, as a thread sees it. */
export interface OuterView {
  kernels: WasmKernels;
  /** Where a panel of this thread's own lies in it, `panelBytes` long. */
  panel: number;
  /** All of it. */
  bytes(): Uint8Array;
}

/** Computes chunk `index` of `count`. */
export type Task = (thread: Thread, index: number, count: number) => void;

/** What a worker needs to join the pool. */
export interface WorkerStart {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** The memories beside it. */
  outer: readonly WebAssembly.Memory[];
  /** The thread's place among the threads. */
  index: number;
  blas: BlasLibrary | null;
  control: number;
  scratch: number;
  scratchBytes: number;
}

const WAKE = 0, TICKET = 1, INFO = 2, DONE = 3, SLEEPING = 4, TASK = 5, FAILED = 6, ARGUMENTS = 8;
const SPIN = 50000;

/** Words of shared memory that the control block takes. */
export const controlWords = 64;

function kernelsOn(memory: WebAssembly.Memory, module: WebAssembly.Module): WasmKernels {
  const environment = {
    memory,
    abort: () => {
      throw new Error("a CPU kernel aborted");
    },
  };
  // deno publish takes the module's import "env" for a path and writes "./env" into the binary
  const imports = { env: environment, "./env": environment };
  return new WebAssembly.Instance(module, imports).exports as unknown as WasmKernels;
}

function outerView(
  memory: WebAssembly.Memory,
  { module, index }: Pick<WorkerStart, "module" | "index">,
): OuterView {
  let bytes = new Uint8Array(memory.buffer);
  return {
    kernels: kernelsOn(memory, module),
    panel: index * panelBytes,
    bytes: () => bytes.buffer === memory.buffer ? bytes : bytes = new Uint8Array(memory.buffer),
  };
}

/** Makes a thread's view of the pool. */
export function openThread(start: WorkerStart): Thread {
  const { memory, outer, index, module, blas, control, scratch, scratchBytes } = start;
  const kernels = kernelsOn(memory, module);
  const packing = scratch + scratchBytes - kernels.gemmScratch();
  const simd: Gemm = (tA, tB, m, n, k, a, lda, b, ldb, c, ldc, accumulate) =>
    kernels.gemm(
      m,
      n,
      k,
      a,
      tA ? 1 : lda,
      tA ? lda : 1,
      b,
      tB ? 1 : ldb,
      tB ? ldb : 1,
      c,
      ldc,
      accumulate ?? false,
      packing,
    );
  const outerViews: OuterView[] = [];
  const heapViews = () => ({
    ints: new Int32Array(memory.buffer),
    floats: new Float32Array(memory.buffer),
    bytes: new Uint8Array(memory.buffer),
  });
  let views = heapViews();
  const gemm = blas ? openBlas(blas, [memory, ...outer]) : simd;
  return {
    kernels,
    gemm,
    narrowGemm: blas?.smallProducts ? narrowGemm(gemm) : gemm,
    packed: blas && openKernels(blas, [memory, ...outer]),
    i32: new Int32Array(memory.buffer, control + ARGUMENTS * 4, controlWords - ARGUMENTS),
    f32: new Float32Array(memory.buffer, control + ARGUMENTS * 4, controlWords - ARGUMENTS),
    memory,
    readsOuter: blas !== null,
    outer: (at) => outerViews[at] ??= outerView(outer[at - 1], { module, index }),
    heap: () => views.ints.buffer === memory.buffer ? views : views = heapViews(),
    scratch,
    scratchBytes: scratchBytes - kernels.gemmScratch(),
  };
}

function drain(control: Int32Array, thread: Thread, tasks: Task[]): void {
  for (;;) {
    const ticket = Atomics.add(control, TICKET, 1), info = Atomics.load(control, INFO);
    const index = ticket & 0xffff, count = info & 0xffff;
    // a ticket of an operation that is over, or none left
    if ((ticket >>> 16) !== (info >>> 16) || index >= count) return;
    try {
      tasks[control[TASK]](thread, index, count);
    } catch (error) {
      Atomics.store(control, FAILED, 1);
      console.error(error);
    }
    Atomics.add(control, DONE, 1);
  }
}

/** A worker's life: spin for a while after each operation, then sleep until woken. */
export function serve(start: WorkerStart, tasks: Task[]): never {
  const thread = openThread(start),
    control = new Int32Array(start.memory.buffer, start.control, controlWords);
  let seen = Atomics.load(control, WAKE);
  for (;;) {
    let spins = 0;
    while (Atomics.load(control, WAKE) === seen && spins++ < SPIN);
    if (Atomics.load(control, WAKE) === seen) {
      Atomics.add(control, SLEEPING, 1);
      Atomics.wait(control, WAKE, seen);
      Atomics.sub(control, SLEEPING, 1);
    }
    seen = Atomics.load(control, WAKE);
    drain(control, thread, tasks);
  }
}

/** The main thread's side. */
export class Pool {
  readonly thread: Thread;
  #control: Int32Array;
  #epoch = 0;
  #workers: Worker[] = [];

  constructor(readonly start: WorkerStart, readonly tasks: Task[]) {
    this.thread = openThread(start);
    this.#control = new Int32Array(start.memory.buffer, start.control, controlWords);
    this.#control.fill(0);
  }

  get threads(): number {
    return this.#workers.length + 1;
  }

  /** Adds a worker with its own scratch; resolves when it serves. */
  async grow(scratch: number): Promise<void> {
    const worker = new Worker(workerScript(new URL("./worker.ts", import.meta.url)));
    await new Promise<void>((resolve, reject) => {
      worker.once("message", () => resolve());
      worker.once("error", (error) => reject(new Error("starting a CPU worker failed", { cause: error })));
      worker.postMessage({ ...this.start, scratch, index: this.threads });
    });
    // a script that only waits for the workers is done
    worker.unref();
    this.#workers.push(worker);
  }

  /** Runs `count` chunks of task number `task`; arguments must have been written to `thread.i32` and `f32`. */
  run(task: number, count: number): void {
    const control = this.#control;
    if (count === 1 || this.#workers.length === 0) {
      for (let index = 0; index < count; index++) this.tasks[task](this.thread, index, count);
      return;
    }
    this.#epoch = (this.#epoch + 1) & 0x7fff;
    control[TASK] = task;
    Atomics.store(control, DONE, 0);
    Atomics.store(control, INFO, (this.#epoch << 16) | count);
    Atomics.store(control, TICKET, this.#epoch << 16);
    Atomics.add(control, WAKE, 1);
    if (Atomics.load(control, SLEEPING) > 0) Atomics.notify(control, WAKE);
    drain(control, this.thread, this.tasks);
    while (Atomics.load(control, DONE) < count);
    if (Atomics.exchange(control, FAILED, 0)) {
      throw new Error("a CPU kernel failed in a worker; its message is above");
    }
  }

  /** Ends the workers; the pool goes on with one thread. */
  close(): void {
    for (const worker of this.#workers.splice(0)) worker.terminate();
  }
}
