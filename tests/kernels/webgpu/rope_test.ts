import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { rope } from "../../../lib/kernels/webgpu/rope.ts";
import { assertClose, gradientsOf, normal, testOnWebgpu, valuesOn } from "./on_webgpu.ts";

const offset = 2;

function reference(x: tf.Tensor4D, cos: tf.Tensor2D, sin: tf.Tensor2D): tf.Tensor {
  const [a, b] = tf.split(x, 2, 3), [, length, , headDim] = x.shape;
  const at = (table: tf.Tensor2D) =>
    table.slice([offset, 0], [length, -1]).reshape([1, length, 1, headDim / 2]);
  const c = at(cos), s = at(sin);
  return tf.concat([tf.sub(tf.mul(a, c), tf.mul(b, s)), tf.add(tf.mul(b, c), tf.mul(a, s))], 3);
}

for (const headDim of [6, 16]) {
  testOnWebgpu(`rope() and its inverse agree with tfjs-core on heads of ${headDim}`, async () => {
    const shape = [2, 5, 3, headDim], x = normal(shape, 1), dy = normal(shape, 2);
    const angles = normal([8, headDim / 2], 3),
      table = (f: (x: number) => number) => ({ ...angles, data: Float32Array.from(angles.data, f) });
    const inputs = [x, dy, table(Math.cos), table(Math.sin)];
    const expected = await valuesOn("cpu", inputs, (x, dy, cos, sin) => [
      reference(x, cos, sin),
      ...gradientsOf((x) => reference(x, cos, sin), [x], dy),
    ]);
    const actual = await valuesOn("webgpu", inputs, (x, dy, cos, sin) => [
      rope(x, cos, sin, { offset }),
      rope(dy, cos, sin, { offset, inverse: true }),
    ]);
    assertClose(actual, expected, 1e-6);
  });
}

testOnWebgpu("rope() refuses positions that its tables lack", async () => {
  const run = (x: tf.Tensor4D, cos: tf.Tensor2D) => [rope(x, cos, cos, { offset: 4 })];
  await assert.rejects(
    valuesOn("webgpu", [normal([1, 5, 1, 4], 1), normal([8, 2], 2)], run),
    /4 to 8.*got 8/,
  );
});
