import * as tf from "@tensorflow/tfjs";
import { cpuEngine } from "../kernels/cpu/engine.ts";
import { embeddingBackward, embeddingForward } from "../kernels/webgpu/embedding.ts";

/** {@linkcode embedding} in tfjs-core operations: a product with a one-hot matrix, which has a gradient on every backend. */
export function embeddingReference(ids: tf.Tensor1D, table: tf.Tensor2D, scale: number): tf.Tensor2D {
  return tf.tidy(() =>
    tf.mul(tf.matMul(tf.oneHot(ids, table.shape[0]).toFloat() as tf.Tensor2D, table), scale) as tf.Tensor2D
  );
}

/**
 * Rows of a table, scaled: ids int32 [rows], table [entries, width] → [rows, width]; the gradient is scatter-added in
 * the order of the rows, so that it is the same on every run. Also picks the rows of a hidden state that a loss needs.
 */
export function embedding(ids: tf.Tensor1D, table: tf.Tensor2D, scale = 1): tf.Tensor2D {
  const engine = cpuEngine(), [entries, width] = table.shape, rows = ids.shape[0];
  if (!engine && tf.getBackend() !== "webgpu") return embeddingReference(ids, table, scale);
  return tf.customGrad((table, save) => {
    (save as tf.GradSaveFunc)([ids]);
    if (!engine) {
      return {
        value: embeddingForward(ids, table as tf.Tensor2D, scale),
        gradFunc: (dy, [ids]) => embeddingBackward(dy as tf.Tensor2D, ids as tf.Tensor1D, entries, scale),
      };
    }
    const y = engine.output<tf.Tensor2D>([rows, width]);
    engine.run("gatherRows", [engine.at(ids), engine.at(table as tf.Tensor), engine.at(y), rows, width], [
      scale,
    ], engine.chunks(rows, width));
    return {
      value: y,
      gradFunc: (dy, [ids]) => {
        const dTable = engine.output([entries, width]);
        engine.kernels.fill(engine.at(dTable), entries * width, 0);
        engine.run(
          "scatterRows",
          [engine.at(ids), engine.at(dy), engine.at(dTable), rows, width],
          [scale],
          Math.min(engine.threads, Math.ceil(width / 16)),
        );
        return dTable;
      },
    };
  })(table) as tf.Tensor2D;
}
