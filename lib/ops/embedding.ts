import * as tf from "@tensorflow/tfjs";
import { device } from "../kernels/device.ts";
import { differentiable } from "./differentiable.ts";

/** {@linkcode embedding} in tfjs-core operations; stock gathering has no gradient on every backend, a one-hot product has. */
export function embeddingReference(ids: tf.Tensor1D, table: tf.Tensor2D, scale: number): tf.Tensor2D {
  const entries = table.shape[0];
  return differentiable([table], () => ({
    value: tf.tidy(() => tf.mul<tf.Tensor2D>(tf.gather(table, ids), scale)),
    saved: [ids],
    gradients: (dy, [ids]) => [
      tf.mul(tf.matMul(tf.cast(tf.oneHot(ids as tf.Tensor1D, entries), "float32"), dy, true), scale),
    ],
  }));
}

/**
 * Rows of a table, scaled: ids int32 [rows], table [entries, width] → [rows, width]; the gradient is scatter-added in
 * the order of the rows, so that it is the same on every run. Also picks the rows of a hidden state that a loss needs.
 */
export function embedding(ids: tf.Tensor1D, table: tf.Tensor2D, scale = 1): tf.Tensor2D {
  const { kernels } = device(), entries = table.shape[0];
  if (!kernels) return embeddingReference(ids, table, scale);
  const { forward, backward } = kernels.embedding;
  return differentiable([table], () => ({
    value: forward(ids, table, scale),
    saved: [ids],
    gradients: (dy, [ids]) => [backward(dy, ids as tf.Tensor1D, entries, scale)],
  }));
}
