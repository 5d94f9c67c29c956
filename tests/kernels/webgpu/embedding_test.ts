import * as tf from "@tensorflow/tfjs";
import { embeddingBackward } from "../../../lib/kernels/webgpu/embedding_backward.ts";
import { embeddingForward } from "../../../lib/kernels/webgpu/embedding_forward.ts";
import { assertClose, gradientsOf, integers, normal, testOnWebgpu, valuesOn } from "./on_webgpu.ts";

testOnWebgpu(
  "embeddingForward() and embeddingBackward() agree with a one-hot product, repeated ids included",
  async () => {
    const ids = integers(Array.from({ length: 71 }, (_, i) => i * i % 9)),
      table = normal([11, 67], 1),
      dy = normal([71, 67], 2);
    const expected = await valuesOn("cpu", [ids, table, dy], (ids, table, dy) => {
      const f = (table: tf.Tensor2D) =>
        tf.mul(tf.matMul(tf.cast(tf.oneHot(ids, 11), "float32") as tf.Tensor2D, table), 3);
      return [f(table), ...gradientsOf(f, [table], dy)];
    });
    const actual = await valuesOn("webgpu", [ids, table, dy], (ids, table, dy) => [
      embeddingForward(ids, table, 3),
      embeddingBackward(dy, ids, 11, 3),
    ]);
    assertClose(actual, expected);
  },
);
