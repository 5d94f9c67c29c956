import type * as tf from "@tensorflow/tfjs";
import { heapUse } from "../../backend/shared_wasm.ts";
import type { TokenLogprobsKernels } from "../kernels.ts";
import type { CpuEngine } from "./engine.ts";
import { storedArguments } from "./stored_product.ts";
import { TABLE } from "./tasks.ts";

/**
 * Logits that exist at once, 256 MB. A block reads the whole table, so with a large vocabulary few rows a block would
 * mean reading Gemma's 671 MB for every eight tokens.
 */
const blockFloats = 1 << 26;
/** Rows of a block: with so many, reading a large table takes less time than multiplying by it. */
const blockRows = 256;

/**
 * Log-probabilities of chosen tokens on the CPU: logits in blocks of rows, or kept for the backward pass where they are at most `mostKept` and
 * take no more than a quarter of the heap that is left. The bits are the same.
 */
export function tokenLogprobsKernels(engine: CpuEngine, mostKept = blockFloats): TokenLogprobsKernels {
  /** How rows are cut: one partial gradient of the table a chunk, and one alone where a large table is trained. */
  const plan = (rows: number, table: tf.Tensor2D, tableGradient: boolean) => {
    const matrix = engine.stored(table), { rows: vocabulary, columns: width } = matrix;
    const large = tableGradient && vocabulary * width > 1 << 24;
    const chunks = Math.min(engine.threads, Math.ceil(rows / 16), large ? 1 : 64);
    const block = Math.max(8, Math.min(blockRows, Math.floor(blockFloats / chunks / vocabulary)));
    return {
      vocabulary,
      chunks,
      logitBytes: chunks * block * vocabulary * 4,
      fits: rows * vocabulary <= Math.min(mostKept, (heapUse.limit - heapUse.bytes) / 16),
      /** The sizes from argument `from` on, and the table where the tasks look for it. */
      sizes: (logits: number, kept: tf.Tensor2D | undefined, from: number) => [
        ...[rows, vocabulary, width, kept ? engine.at(kept) : logits, block, kept ? 1 : 0],
        ...new Array(TABLE - from - 6).fill(0),
        ...storedArguments(matrix),
      ],
    };
  };
  const addresses = (...tensors: tf.Tensor[]) => tensors.map((tensor) => engine.at(tensor));
  return {
    forward(hidden, table, targets, { temperature, softcap, tableGradient, trained }) {
      const rows = hidden.shape[0];
      const { vocabulary, chunks, logitBytes, fits, sizes } = plan(rows, table, tableGradient);
      const [logprobs, logSumExp, entropy, hits] = Array.from(
        { length: 4 },
        () => engine.output<tf.Tensor1D>([rows]),
      );
      const logits = trained && fits ? engine.output<tf.Tensor2D>([rows, vocabulary]) : undefined;
      engine.run(
        "logprobs",
        [
          ...addresses(hidden, table, targets, logprobs, logSumExp, entropy, hits),
          ...sizes(logits ? 0 : engine.scratch(logitBytes), logits, 7),
        ],
        [1 / temperature, softcap],
        chunks,
      );
      return { logprobs, logSumExp, entropy, hits, logits };
    },
    backward(
      dy,
      { hidden, table, targets, logSumExp, entropy, logits },
      { temperature, softcap, tableGradient },
    ) {
      const [rows, width] = hidden.shape,
        { chunks, logitBytes, sizes } = plan(rows, table, tableGradient),
        blockBytes = logits ? 0 : logitBytes;
      const dHidden = engine.output<tf.Tensor2D>([rows, width]), partial = table.size;
      const scratch = engine.scratch(blockBytes + (tableGradient ? chunks * partial * 4 : 0)),
        partials = tableGradient ? scratch + blockBytes : 0;
      engine.run(
        "logprobsBackward",
        [
          ...addresses(hidden, table, targets, dy.logprobs, logSumExp, entropy),
          dy.entropy ? engine.at(dy.entropy) : 0,
          engine.at(dHidden),
          partials,
          ...sizes(scratch, logits, 9),
        ],
        [1 / temperature, softcap],
        chunks,
      );
      if (!tableGradient) return { dHidden, dTable: null };
      const dTable = engine.output<tf.Tensor2D>([...table.shape]);
      engine.reduce(partials, chunks, partial, engine.at(dTable));
      return { dHidden, dTable };
    },
  };
}
