import type * as tf from "@tensorflow/tfjs";
import type { EmbeddingKernels } from "../kernels.ts";
import type { CpuEngine } from "./engine.ts";
import { isPlain, storedArguments } from "./stored_product.ts";

/** Rows of a table on the CPU. */
export function embeddingKernels(engine: CpuEngine): EmbeddingKernels {
  return {
    forward(ids, table, scale) {
      const rows = ids.shape[0], matrix = engine.stored(table), { columns: width } = matrix;
      const y = engine.output<tf.Tensor2D>([rows, width]);
      if (!isPlain(matrix)) {
        const numbers = [engine.at(ids), engine.at(y), rows, ...storedArguments(matrix)];
        engine.run("gatherStored", numbers, [scale], engine.chunks(rows, width));
        return y;
      }
      engine.run(
        "gatherRows",
        [engine.at(ids), engine.at(table), engine.at(y), rows, width],
        [scale],
        engine.chunks(rows, width),
      );
      return y;
    },
    backward(dy, ids, entries, scale) {
      const [rows, width] = dy.shape, dTable = engine.output<tf.Tensor2D>([entries, width]);
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
}
