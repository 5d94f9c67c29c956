import { Random } from "../../../lib/random/random.ts";

/** Ways to compute on the CPU. */
export const cpuEngines = [
  { name: "wasm with BLAS, 2 threads", threads: 2, blas: true },
  { name: "wasm with BLAS, 1 thread", threads: 1, blas: true },
  { name: "wasm without BLAS, 2 threads", threads: 2, blas: false },
  { name: "wasm without BLAS, 1 thread", threads: 1, blas: false },
];

/** A test on the CPU engine, whose workers outlive it. */
export function testOnCpu(name: string, fn: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}

/** Normal numbers of a fixed sequence. */
export function gaussian(count: number, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next()),
  );
}
