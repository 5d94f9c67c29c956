import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { installMatmul, matmul } from "../../../lib/kernels/webgpu/matmul.ts";
import { launchCount } from "../../../lib/kernels/webgpu/program.ts";
import { assertClose, normal, testOnWebgpu, valuesOn } from "./on_webgpu.ts";

const sizes = [[5, 7, 3], [8, 12, 16], [33, 36, 20], [1, 64, 40], [70, 5, 66]];

for (const transposeA of [false, true]) {
  for (const transposeB of [false, true]) {
    testOnWebgpu(`matmul() agrees with tfjs-core, transposed ${transposeA} and ${transposeB}`, async () => {
      for (const [m, k, n] of sizes) {
        const a = normal(transposeA ? [k, m] : [m, k], m), b = normal(transposeB ? [n, k] : [k, n], n);
        const expected = await valuesOn("cpu", [a, b], (a, b) => [tf.matMul(a, b, transposeA, transposeB)]);
        assertClose(
          await valuesOn("webgpu", [a, b], (a, b) => [matmul(a, b, { transposeA, transposeB })]),
          expected,
        );
      }
    });
  }
}

testOnWebgpu("matmul() multiplies batches, and one matrix with a batch", async () => {
  const a = normal([2, 3, 5, 6], 1),
    b = normal([2, 3, 6, 4], 2),
    one = normal([1, 6, 4], 3),
    batch = normal([3, 5, 6], 4);
  const expected = await valuesOn(
    "cpu",
    [a, b, batch, one],
    (a, b, c, d) => [tf.matMul(a, b), tf.matMul(c, d)],
  );
  assertClose(
    await valuesOn("webgpu", [a, b, batch, one], (a, b, c, d) => [matmul(a, b), matmul(c, d)]),
    expected,
  );
});

testOnWebgpu("matmul() with the large tiles agrees with sums of its rows", async () => {
  // column j holds j % 7 everywhere, so that c[i][j] is a row sum times that and needs no second product
  const a = normal([2056, 9], 5),
    b = { shape: [9, 2052], data: Float32Array.from({ length: 9 * 2052 }, (_, i) => i % 2052 % 7) };
  const [c] = await valuesOn("webgpu", [a, b], (a, b) => [matmul(a, b)]);
  const [d] = await valuesOn("webgpu", [a, b], (a, b) => [matmul(a, b.transpose(), { transposeB: true })]);
  for (const [row, column] of [[0, 0], [127, 128], [128, 127], [2055, 2051], [1000, 5]]) {
    const sum = Array.from(a.data).slice(row * 9, row * 9 + 9).reduce((x, y) => x + y, 0) * (column % 7);
    assert.ok(Math.abs(c[row * 2052 + column] - sum) < 1e-4);
    assert.ok(Math.abs(d[row * 2052 + column] - sum) < 1e-4);
  }
});

testOnWebgpu(
  "installMatmul() serves tf.matMul with and without bias, and leaves the rest to tfjs",
  async () => {
    const a = normal([5, 6], 1), b = normal([6, 7], 2), bias = normal([7], 3);
    const all = (a: tf.Tensor2D, b: tf.Tensor2D, bias: tf.Tensor1D) => [
      tf.matMul(a, b),
      tf.fused.matMul({ a, b, bias }),
      tf.fused.matMul({ a, b, bias, activation: "relu" }),
    ];
    const expected = await valuesOn("cpu", [a, b, bias], all), before = launchCount(), undo = installMatmul();
    try {
      assertClose(await valuesOn("webgpu", [a, b, bias], all), expected);
      assert.equal(launchCount() - before, 2);
    } finally {
      undo();
    }
  },
);
