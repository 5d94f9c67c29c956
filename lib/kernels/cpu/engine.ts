/**
 * The CPU engine: kernels.wasm on tfjs's heap, a BLAS when there is one, and the worker pool. `lib/ops` calls it with
 * tensors of the backend `wasm`.
 */
import * as tf from "@tensorflow/tfjs";
import { memoryOf } from "../../backend/outer_memory.ts";
import { packagedFile } from "../../backend/package_files.ts";
import { formOf } from "../stored_form.ts";
import { type SharedWasm, sharedWasm } from "../../backend/shared_wasm.ts";
import { findBlas, type Gemm } from "./blas.ts";
import type { BlasLibrary } from "./blas_library.ts";
import { adviseHugePages } from "./huge_pages.ts";
import { controlWords, Pool } from "./pool.ts";
import { type StoredMatrix, storedMatrix } from "./stored_product.ts";
import { FLOATS, TASK, tasks } from "./tasks.ts";

/** What `startEngine` may be told. */
export interface EngineOptions {
  /** Threads, the main one included. @default all cores, at most 8 */
  threads?: number;
  /** Use a native BLAS when one is found. @default true */
  blas?: boolean;
}

const scratchBytes = 8 << 20;
/** Below this many floating-point operations a product stays on one thread. */
const parallelFlops = 4e5;
/** Below this many elements a row operation stays on one thread. */
const parallelElements = 1 << 14;

interface WasmBackend {
  dataIdMap: { get(id: unknown): { memoryOffset: number } };
  makeOutput(shape: number[], dtype: "float32" | "int32"): tf.TensorInfo;
}

let engine: CpuEngine | null = null;

/** The engine, when the current tfjs backend is `wasm` and the engine was started; else null. */
export function cpuEngine(): CpuEngine | null {
  return tf.getBackend() === "wasm" ? engine : null;
}

/** Starts the engine once a process; a second call with other options restarts its pool. */
export async function startEngine(options: EngineOptions = {}): Promise<CpuEngine> {
  const wasm = await sharedWasm();
  await tf.setBackend("wasm");
  await tf.ready();
  const blas = options.blas === false ? null : findBlas();
  const threads = Math.max(1, Math.min(8, options.threads ?? navigator.hardwareConcurrency));
  if (engine && engine.threads === threads && engine.blas?.path === blas?.path) return engine;
  engine?.close();
  engine = await CpuEngine.open(wasm, blas, threads);
  return engine;
}

/** See the module's comment. Addresses are bytes on tfjs's heap, of frozen weights in a further memory; all sizes are in elements. */
export class CpuEngine {
  #scratch = { address: 0, bytes: 0 };

  private constructor(readonly pool: Pool, readonly wasm: SharedWasm, readonly blas: BlasLibrary | null) {}

  static async open(wasm: SharedWasm, blas: BlasLibrary | null, threads: number): Promise<CpuEngine> {
    for (const memory of [wasm.memory, ...wasm.outer.memories]) adviseHugePages(memory);
    const aligned = (bytes: number) => ((wasm.allocate(bytes + 64) + 63) & ~63) >>> 0;
    const module = await WebAssembly.compile(
      await Deno.readFile(await packagedFile("lib/kernels/cpu/kernels.wasm")),
    );
    const start = {
      module,
      memory: wasm.memory,
      outer: wasm.outer.memories,
      index: 0,
      blas,
      control: aligned(controlWords * 4),
      scratch: aligned(scratchBytes),
      scratchBytes,
    };
    const pool = new Pool(start, tasks);
    for (let i = 1; i < threads; i++) await pool.grow(aligned(scratchBytes));
    return new CpuEngine(pool, wasm, blas);
  }

  get threads(): number {
    return this.pool.threads;
  }
  get kernels() {
    return this.pool.thread.kernels;
  }

  close(): void {
    this.pool.close();
  }

  /** The address of a tensor's data; unsigned, where malloc's are negative past 2 GiB. */
  readonly at = (tensor: tf.TensorInfo): number => {
    const { memoryOffset } = (tf.backend() as unknown as WasmBackend).dataIdMap.get(tensor.dataId);
    return memoryOffset < 0 ? memoryOffset >>> 0 : memoryOffset;
  };

  /** A matrix and how it is stored. */
  readonly stored = (tensor: tf.TensorInfo): StoredMatrix =>
    storedMatrix(this.at(tensor), tensor.shape[1], formOf(tensor));

  /** An uninitialised tensor. */
  output<T extends tf.Tensor = tf.Tensor>(shape: number[], dtype: "float32" | "int32" = "float32"): T {
    const info = (tf.backend() as unknown as WasmBackend).makeOutput(shape, dtype);
    return tf.engine().makeTensorFromTensorInfo(info) as T;
  }

  /** Shared scratch of at least `bytes`, valid until the next call. */
  scratch(bytes: number): number {
    if (bytes > this.#scratch.bytes) {
      // the old block stays with malloc: it is at most as large as the new one, and sizes settle at once
      this.#scratch = { address: ((this.wasm.allocate(bytes + 64) + 63) & ~63) >>> 0, bytes };
    }
    return this.#scratch.address;
  }

  /** Runs a task of `tasks.ts` in `chunks` chunks. */
  run(task: keyof typeof TASK, ints: number[], floats: number[], chunks: number): void {
    this.pool.thread.i32.set(ints);
    this.pool.thread.f32.set(floats, FLOATS);
    this.pool.run(TASK[task], chunks);
  }

  /** Chunks for a row operation on `rows` rows of `width` elements. */
  chunks(rows: number, width: number): number {
    return rows * width < parallelElements ? 1 : Math.min(rows, this.threads * 2);
  }

  /** C[m×n] (+)= op(A)·op(B); leading dimensions in floats. With a BLAS, B may lie in a further memory. */
  readonly gemm: Gemm = (...product) => {
    const [transposeA, transposeB, m, n, k, a, lda, b, ldb, c, ldc, accumulate] = product;
    // few rows of many columns are cut by columns: an adapter's gradients
    const byColumns = m < 64 && n >= 4 * m && k >= 4 * m, lines = byColumns ? n : m;
    if (this.threads === 1 || 2 * m * n * k < parallelFlops || lines < 16) {
      return this.pool.thread.gemm(...product);
    }
    const numbers = [
      +transposeA,
      +transposeB,
      m,
      n,
      k,
      a,
      lda,
      b,
      ldb,
      c,
      ldc,
      accumulate ? 1 : 0,
      memoryOf(b),
      +byColumns,
    ];
    this.run("gemm", numbers, [], Math.min(Math.ceil(lines / 16), this.threads));
  };

  /** Σ of `chunks` partial vectors of n floats at `partials` into `out`. */
  reduce(partials: number, chunks: number, n: number, out: number): void {
    this.kernels.copyRows(partials, n, out, n, 1, n);
    for (let i = 1; i < chunks; i++) this.kernels.accumulate(out, partials + i * n * 4, n);
  }
}
