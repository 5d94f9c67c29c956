import type * as tf from "@tensorflow/tfjs";
import type { TokenLogprobsKernels } from "../kernels.ts";
import type { CpuEngine } from "./engine.ts";
import { readsAsItLies, storedArguments } from "./stored_product.ts";
import { TABLE } from "./tasks.ts";

/**
 * Logits that all chunks hold at once, 256 MB. A block reads the whole table, so with a large vocabulary few rows a block would
 * mean reading Gemma's 671 MB for every eight tokens.
 */
const blockFloats = 1 << 26;

/** Log-probabilities of chosen tokens on the CPU; logits exist only in blocks of rows. */
export function tokenLogprobsKernels(engine: CpuEngine): TokenLogprobsKernels {
  /** How rows are cut: one partial gradient of the table a chunk, and one alone where a large table is trained. */
  const plan = (rows: number, table: tf.Tensor2D, tableGradient: boolean) => {
    const matrix = engine.stored(table),
      { rows: vocabulary, columns: width } = matrix,
      stored = !readsAsItLies(engine.pool.thread, matrix);
    const large = tableGradient && vocabulary * width > 1 << 24;
    const chunks = Math.min(engine.threads, Math.ceil(rows / 16), large ? 1 : 64);
    // a table that is not read as it lies is brought to where it is once a block
    const most = stored ? 256 : 64;
    const block = Math.max(8, Math.min(most, Math.floor(blockFloats / chunks / vocabulary)));
    return {
      chunks,
      logitBytes: chunks * block * vocabulary * 4,
      /** The sizes from argument `from` on, and the table where the tasks look for it. */
      sizes: (logits: number, from: number) => [
        ...[rows, vocabulary, width, logits, block],
        ...new Array(TABLE - from - 5).fill(0),
        ...storedArguments(matrix),
      ],
    };
  };
  const addresses = (...tensors: tf.Tensor[]) => tensors.map((tensor) => engine.at(tensor));
  return {
    forward(hidden, table, targets, { temperature, softcap, tableGradient }) {
      const rows = hidden.shape[0], { chunks, logitBytes, sizes } = plan(rows, table, tableGradient);
      const [logprobs, logSumExp, entropy, hits] = Array.from(
        { length: 4 },
        () => engine.output<tf.Tensor1D>([rows]),
      );
      engine.run(
        "logprobs",
        [
          ...addresses(hidden, table, targets, logprobs, logSumExp, entropy, hits),
          ...sizes(engine.scratch(logitBytes), 7),
        ],
        [1 / temperature, softcap],
        chunks,
      );
      return { logprobs, logSumExp, entropy, hits };
    },
    backward(dy, { hidden, table, targets, logSumExp, entropy }, { temperature, softcap, tableGradient }) {
      const [rows, width] = hidden.shape,
        { chunks, logitBytes, sizes } = plan(rows, table, tableGradient);
      const dHidden = engine.output<tf.Tensor2D>([rows, width]), partial = table.size;
      const scratch = engine.scratch(logitBytes + (tableGradient ? chunks * partial * 4 : 0)),
        partials = tableGradient ? scratch + logitBytes : 0;
      engine.run(
        "logprobsBackward",
        [
          ...addresses(hidden, table, targets, dy.logprobs, logSumExp, entropy),
          dy.entropy ? engine.at(dy.entropy) : 0,
          engine.at(dHidden),
          partials,
          ...sizes(scratch, 9),
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
