import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { HeapError } from "../../lib/backend/shared_wasm.ts";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";

Deno.test("a tensor past the end of the WebAssembly heap is an error, and the tensors before it keep their values", async () => {
  const engine = await startEngine({ threads: 1 }), before = tf.memory().numTensors;
  const first = tf.tensor1d([1, 2, 3]), large: tf.Tensor[] = [];
  const fill = () => {
    // malloc'ed and never touched, so that no memory is taken
    for (let i = 0; i < 5; i++) large.push(engine.output([1 << 28]));
  };
  assert.throws(fill, (error) => {
    assert.ok(error instanceof HeapError, `${error}`);
    assert.match(
      error.message,
      /making a tensor of 1\.07 GB on the CPU: .* ends at 4\.29 GB, and 3\.2[23] GB/,
    );
    assert.match(error.message, /choose a smaller model/);
    return true;
  });
  assert.equal(large.length, 3);
  assert.throws(() => tf.zeros([1 << 28]), HeapError);
  tf.dispose(large);
  const sum = tf.add(first, 1);
  assert.deepEqual([...sum.dataSync()], [2, 3, 4]);
  tf.dispose([first, sum]);
  assert.equal(tf.memory().numTensors, before);
});

Deno.test("a clone shares its tensor's data and outlives it", async () => {
  const engine = await startEngine({ threads: 1 }), before = tf.memory();
  const tensor = tf.tensor1d([1, 2, 3]), clone = tensor.clone();
  assert.equal(engine.at(clone), engine.at(tensor));
  assert.equal(tf.memory().numDataBuffers, before.numDataBuffers + 1);
  tensor.dispose();
  const next = tf.tensor1d([4, 5, 6]);
  assert.notEqual(engine.at(next), engine.at(clone));
  assert.deepEqual([...clone.dataSync()], [1, 2, 3]);
  tf.dispose([clone, next]);
  const after = tf.memory();
  assert.deepEqual([after.numTensors, after.numDataBuffers], [before.numTensors, before.numDataBuffers]);
});
