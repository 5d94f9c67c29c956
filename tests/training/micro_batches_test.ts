import assert from "node:assert/strict";
import { microBatches, type MicroBatchLimits } from "../../lib/training/micro_batches.ts";

const sequence = (prompt: number[], length: number) => ({
  prompt,
  completion: new Array<number>(length).fill(1),
});
/** First index and number of sequences of each run. */
const cuts = (sequences: ReturnType<typeof sequence>[], limits: MicroBatchLimits) =>
  [...microBatches(sequences, limits)].map(([from, some]) => {
    assert.deepEqual(some, sequences.slice(from, from + some.length));
    return [from, some.length];
  });

Deno.test("microBatches() fills passes up to a number of rows, and cuts by count when told", () => {
  const sequences = [599, 599, 399, 1999, 1, 1533, 1].map((length) => sequence([7], length));
  assert.deepEqual(cuts(sequences, { rows: 1536 }), [[0, 2], [2, 1], [3, 1], [4, 2], [6, 1]]);
  assert.deepEqual(cuts(sequences, { size: 3 }), [[0, 3], [3, 3], [6, 1]]);
  assert.deepEqual(cuts(sequences, { size: 3, rows: 1536 }), [[0, 2], [2, 1], [3, 1], [4, 2], [6, 1]]);
  assert.deepEqual(cuts([], { rows: 1536 }), []);
});

Deno.test("microBatches() keeps completions of a prompt together where they fit, and counts the prompt once", () => {
  const family = (count: number, prompt: number, length: number) => {
    const ids = new Array<number>(prompt).fill(7);
    return Array.from({ length: count }, () => sequence(ids, length));
  };
  // 32 + 12 × 64 = 800 each: two would be 1600
  assert.deepEqual(cuts([...family(12, 32, 64), ...family(12, 32, 64)], { rows: 1536 }), [[0, 12], [12, 12]]);
  // 500 + 4 × 250 = 1500 fits, though four prompts would not
  assert.deepEqual(cuts(family(4, 500, 250), { rows: 1536 }), [[0, 4]]);
  // 300 + 3 × 400 = 1500 would fit and leave one: too large for one pass, so two of 300 + 2 × 400
  assert.deepEqual(cuts([...family(1, 5, 5), ...family(4, 300, 400)], { rows: 1536 }), [[0, 1], [1, 2], [
    3,
    2,
  ]]);
  // three passes of at most two, and the next prompt's completions beside the last
  assert.deepEqual(cuts([...family(5, 100, 500), ...family(2, 10, 100)], { rows: 1200 }), [[0, 2], [2, 2], [
    4,
    3,
  ]]);
});
