import type * as tf from "@tensorflow/tfjs-core";
import { rowsOf } from "./binding.ts";
import { multiply } from "./multiply.ts";
import { output } from "./program.ts";
import { chunkLogits, type TokenLogprobNumbers, vocabularyChunks } from "./token_logprobs_chunks.ts";
import { logitGradient } from "./token_logprobs_gradient.ts";

/** Options of {@linkcode tokenLogprobsBackward}. */
export interface TokenLogprobGradientNumbers extends TokenLogprobNumbers {
  /** Whether the table's gradient is wanted; a frozen one saves a product and a buffer of its size. @default true */
  tableGradient?: boolean;
}

/**
 * The gradients of hidden states and table from those of the log-probabilities and, where they have any, of the entropies; `dTable` is null
 * when it is not wanted. The caller disposes of them.
 */
export function tokenLogprobsBackward(
  dy: { logprobs: tf.Tensor1D; entropy: tf.Tensor1D | null },
  { hidden, table, ...rows }:
    & Record<"targets" | "logSumExp" | "entropy", tf.Tensor1D>
    & Record<"hidden" | "table", tf.Tensor2D>,
  { temperature = 1, softcap = 0, chunk, tableGradient = true }: TokenLogprobGradientNumbers = {},
): { dHidden: tf.Tensor2D; dTable: tf.Tensor2D | null } {
  const [count, width] = hidden.shape, chunks = vocabularyChunks(count, table, chunk);
  if (tableGradient && table.dtype !== "float32") {
    throw new RangeError("a vocabulary table packed to 16 bits has no gradient: pass tableGradient: false");
  }
  const logits = output([count * chunks[0].count]), dHidden = output<tf.Tensor2D>([count, width]);
  const dTable = tableGradient ? output<tf.Tensor2D>(table.shape) : null;
  for (const entries of chunks) {
    const b = chunkLogits(hidden, table, entries, logits);
    logitGradient(logits, dy, rows, { ...entries, temperature, softcap });
    multiply({
      a: logits,
      factors: [{ b, columns: width, inner: entries.count }],
      out: dHidden,
      rows: count,
      accumulate: entries.first > 0,
    });
    if (!dTable) continue;
    multiply({
      a: logits,
      factors: [{ b: hidden, columns: width, inner: count }],
      out: rowsOf(dTable, entries, width),
      rows: entries.count,
      transposeA: true,
    });
  }
  logits.dispose();
  return { dHidden, dTable };
}
