import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { microBatches } from "../../lib/training/micro_batches.ts";

const sequence = (prompt: number[], length: number) => ({
  prompt,
  completion: new Array<number>(length).fill(1),
});
/** First index and number of sequences of each run. */
const cuts = (sequences: ReturnType<typeof sequence>[], size: number | null) =>
  [...microBatches(sequences, size)].map(([from, some]) => {
    assert.deepEqual(some, sequences.slice(from, from + some.length));
    return [from, some.length];
  });

Deno.test("microBatches() fills passes of 1024 tokens on the CPU, and cuts by count when told", async () => {
  await tf.setBackend("cpu");
  const sequences = [399, 399, 299, 1999, 1, 1021, 1].map((length) => sequence([7], length));
  assert.deepEqual(cuts(sequences, null), [[0, 2], [2, 1], [3, 1], [4, 2], [6, 1]]);
  assert.deepEqual(cuts(sequences, 3), [[0, 3], [3, 3], [6, 1]]);
  assert.deepEqual(cuts([], null), []);
});

Deno.test("microBatches() keeps completions of a prompt together where they fit, and counts the prompt once", async () => {
  await tf.setBackend("cpu");
  const family = (count: number, prompt: number, length: number) => {
    const ids = new Array<number>(prompt).fill(7);
    return Array.from({ length: count }, () => sequence(ids, length));
  };
  // 32 + 8 × 64 = 544 each: two would be 1088
  assert.deepEqual(cuts([...family(8, 32, 64), ...family(8, 32, 64)], null), [[0, 8], [8, 8]]);
  // 400 + 4 × 150 = 1000 fits, though four prompts would not
  assert.deepEqual(cuts(family(4, 400, 150), null), [[0, 4]]);
  // 200 + 3 × 270 = 1010 and 200 + 270: too large for one pass
  assert.deepEqual(cuts([...family(1, 5, 5), ...family(4, 200, 270)], null), [[0, 1], [1, 3], [4, 1]]);
});
