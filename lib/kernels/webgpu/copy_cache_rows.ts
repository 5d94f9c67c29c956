import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";

/** target[row, t] = source[sources[row], t] for t < filled, in a cache of another capacity. */
export function copyCacheRows(
  source: tf.Tensor4D,
  sources: tf.Tensor1D,
  { capacity, filled }: { capacity: number; filled: number },
): tf.Tensor4D {
  const [, length, kvHeads, headDim] = source.shape,
    target = output<tf.Tensor4D>([sources.size, capacity, kvHeads, headDim]);
  const span = Math.min(filled, length) * kvHeads * headDim;
  launch({
    key: "copy_cache_rows",
    groups: Math.ceil(sources.size * span / 64),
    reads: { source, sources },
    writes: { copy: target },
    ints: {
      total: sources.size * span,
      span,
      from_row: length * kvHeads * headDim,
      to_row: capacity * kvHeads * headDim,
    },
    body: `
  if (index >= u.total) { return; }
  let row = index / u.span;
  copy[row * u.to_row + index % u.span] = source[sources[row] * u.from_row + index % u.span];`,
  });
  return target;
}
