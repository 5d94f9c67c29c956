import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { installKernels } from "../../../lib/kernels/webgpu/install_kernels.ts";
import { launchCount } from "../../../lib/kernels/webgpu/program.ts";
import { assertClose, normal, testOnWebgpu, valuesOn } from "./on_webgpu.ts";

testOnWebgpu(
  "installKernels() serves tf.matMul with and without bias, and leaves the rest to tfjs",
  async () => {
    const a = normal([5, 6], 1), b = normal([6, 7], 2), bias = normal([7], 3);
    const all = (a: tf.Tensor2D, b: tf.Tensor2D, bias: tf.Tensor1D) => [
      tf.matMul(a, b),
      tf.fused.matMul({ a, b, bias }),
      tf.fused.matMul({ a, b, bias, activation: "relu" }),
    ];
    const expected = await valuesOn("cpu", [a, b, bias], all),
      before = launchCount(),
      undo = installKernels();
    try {
      assertClose(await valuesOn("webgpu", [a, b, bias], all), expected);
      assert.equal(launchCount() - before, 2);
    } finally {
      undo();
    }
  },
);

testOnWebgpu("installKernels() multiplies batches, and one matrix with a batch", async () => {
  const a = normal([2, 3, 5, 6], 1),
    b = normal([2, 3, 6, 4], 2),
    one = normal([1, 6, 4], 3),
    batch = normal([3, 5, 6], 4);
  const all = (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor, d: tf.Tensor) => [tf.matMul(a, b), tf.matMul(c, d)];
  const inputs = [a, b, batch, one], expected = await valuesOn("cpu", inputs, all);
  const before = launchCount(), undo = installKernels();
  try {
    assertClose(await valuesOn("webgpu", inputs, all), expected);
    assert.equal(launchCount() - before, 2);
  } finally {
    undo();
  }
});
