import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { microBatches } from "../../lib/training/micro_batches.ts";

Deno.test("microBatches() fills passes of 1024 tokens on the CPU, and cuts by count when told", async () => {
  await tf.setBackend("cpu");
  const lengths = [400, 400, 300, 2000, 1, 1023, 1], length = (x: number) => x;
  assert.deepEqual([...microBatches(lengths, { size: null, length })], [
    [0, [400, 400]],
    [2, [300]],
    [3, [2000]],
    [4, [1, 1023]],
    [6, [1]],
  ]);
  assert.deepEqual([...microBatches(lengths, { size: 3, length })], [
    [0, [400, 400, 300]],
    [3, [2000, 1, 1023]],
    [6, [1]],
  ]);
  assert.deepEqual([...microBatches([], { size: null, length })], []);
});
