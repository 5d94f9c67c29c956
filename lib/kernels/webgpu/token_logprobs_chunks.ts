import type * as tf from "@tensorflow/tfjs-core";
import { bindableRows, type Rows, rowsOf } from "./binding.ts";
import { activeDevice } from "./command_stream.ts";
import { multiply } from "./multiply.ts";
import { tanhOf } from "./tanh.ts";

/** How logits become a distribution. */
export interface TokenLogprobNumbers {
  /** Logits are divided by this. @default 1 */
  temperature?: number;
  /** Logits become c·tanh(logit/c) first; 0: none. @default 0 */
  softcap?: number;
  /** Vocabulary entries at a time, a multiple of 64. @default so that a chunk of logits is at most 64 MB */
  chunk?: number;
}

const chunkFloats = 1 << 24;

/** Parts of the vocabulary whose logits and whose vectors can be bound at once, the largest first. */
export function vocabularyChunks(rows: number, table: tf.Tensor2D, wanted?: number): Rows[] {
  const most = Math.min(chunkFloats, activeDevice().limits.maxStorageBufferBindingSize / 4);
  // whole multiples of 64 rows keep a part's byte address a multiple of 256
  const size = Math.max(64, Math.floor((wanted ?? most / rows) / 64) * 64);
  return bindableRows(...table.shape).flatMap(({ first, count }) =>
    Array.from(
      { length: Math.ceil(count / size) },
      (_, i) => ({ first: first + i * size, count: Math.min(size, count - i * size) }),
    )
  );
}

/** Logits of the entries of a chunk; gives those entries, as `multiply` takes them. */
export function chunkLogits(hidden: tf.Tensor2D, table: tf.Tensor2D, chunk: Rows, logits: tf.Tensor) {
  const [rows, width] = hidden.shape, b = rowsOf(table, chunk, table.shape[1]);
  multiply({
    a: hidden,
    factors: [{ b, columns: chunk.count, inner: width }],
    out: logits,
    rows,
    transposeB: true,
  });
  return b;
}

/** WGSL `squashed(raw)`: a logit after the soft-cap, times u.beta. */
export const squashText = (softcap: number): string => `
${softcap > 0 ? tanhOf : ""}
fn squashed(raw: f32) -> f32 {
  return ${softcap > 0 ? "u.softcap * tanh_of(raw / u.softcap)" : "raw"} * u.beta;
}`;
