/**
 * Rows of a table and their scatter-added gradient on WebGPU (stock gather's gradient needs `UnsortedSegmentSum` over
 * the whole vocabulary). Float atomics do not exist and would give another sum on every run, so the backward pass gives
 * each distinct id to its first row, which adds up the others in order: rows²/64 comparisons, no pass over the table
 * but the clearing.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { clear, launch, output } from "./program.ts";

/**
 * table[ids] · scale: ids int32 [rows], table [entries, width], or int32 [entries, width/2] of `packHalf` → [rows, width].
 * One launch.
 */
export function embeddingForward(ids: tf.Tensor1D, table: tf.Tensor2D, scale: number): tf.Tensor2D {
  const packed = table.dtype === "int32", rows = ids.size, width = table.shape[1] * (packed ? 2 : 1);
  const y = output<tf.Tensor2D>([rows, width]);
  launch({
    key: "embedding_forward",
    groups: Math.ceil(y.size / 64),
    reads: { ids, table },
    writes: { y },
    ints: { count: y.size, width },
    floats: { scale },
    body: `
  if (index >= u.count) { return; }
  let at = ids[index / u.width] * u.width + index % u.width;
  y[index] = ${packed ? "unpack2x16float(bitcast<u32>(table[at >> 1u]))[at & 1]" : "table[at]"} * u.scale;`,
  });
  return y;
}

/** The gradient with respect to the table, [entries, width], the same on every run. One launch and a clearing. */
export function embeddingBackward(
  dy: tf.Tensor2D,
  ids: tf.Tensor1D,
  entries: number,
  scale: number,
): tf.Tensor2D {
  const [rows, width] = dy.shape, dtable = output<tf.Tensor2D>([entries, width]);
  clear(dtable);
  launch({
    key: "embedding_backward",
    groups: rows,
    reads: { dy, ids },
    writes: { dtable },
    ints: { rows, width },
    floats: { scale },
    declarations: "var<workgroup> earlier: atomic<u32>;",
    body: `
  let id = ids[group];
  for (var row = lane; row < group; row += 64) {
    if (ids[row] == id) { atomicStore(&earlier, 1u); }
  }
  workgroupBarrier();
  if (atomicLoad(&earlier) == 1u) { return; }
  for (var first = 0; first < u.width; first += 64) {
    let column = first + lane;
    var sum = 0.0;
    for (var row = group; row < u.rows; row++) {
      if (ids[row] == id && column < u.width) { sum += dy[row * u.width + column]; }
    }
    if (column < u.width) { dtable[id * u.width + column] = sum * u.scale; }
  }`,
  });
  return dtable;
}
