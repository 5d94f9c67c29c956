import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { Random } from "../../../lib/random/random.ts";

/** Ways to compute on the CPU. */
export const cpuEngines = [
  { name: "wasm with BLAS, 2 threads", threads: 2, blas: true },
  { name: "wasm with BLAS, 1 thread", threads: 1, blas: true },
  { name: "wasm without BLAS, 2 threads", threads: 2, blas: false },
  { name: "wasm without BLAS, 1 thread", threads: 1, blas: false },
];

/** A test on the CPU engine, whose workers outlive it: it must leave no tensor behind. */
export function testOnCpu(name: string, run: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({
    name,
    sanitizeOps: false,
    sanitizeResources: false,
    async fn(t) {
      const tensors = () => tf.engine().state.numTensors, before = tensors();
      await run(t);
      assert.equal(tensors(), before, "tensors left behind");
    },
  });
}

/** Normal numbers of a fixed sequence. */
export function gaussian(count: number, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next()),
  );
}
