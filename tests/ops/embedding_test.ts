import * as tf from "@tensorflow/tfjs";
import { embedding, embeddingReference } from "../../lib/ops/embedding.ts";
import { normal } from "../kernels/webgpu/on_webgpu.ts";
import { type OpCase, testAgainstReference } from "./on_each_backend.ts";

function own(ids: number[], entries: number, width: number, scale: number): OpCase {
  const call = (f: typeof embedding) => (table: tf.Tensor) =>
    f(tf.tensor1d(ids, "int32"), table as tf.Tensor2D, scale);
  return {
    name: `${ids.length} of ${entries} × ${width}`,
    inputs: [normal([entries, width], 6)],
    differences: ids.length < 10,
    op: call(embedding),
    reference: call((ids, table, scale = 1) => embeddingReference(ids, table, scale)),
  };
}

testAgainstReference("embedding()", [
  own([3, 1, 3, 0, 9], 10, 7, 1.5),
  own([1], 2, 1, 1),
  own([2, 2, 2, 2], 3, 17, -2),
  // one entry many times over: the gradient is a long sum
  own(Array.from({ length: 300 }, (_, i) => i % 3 ? i % 41 : 40), 41, 66, 1),
]);
