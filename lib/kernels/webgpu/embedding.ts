/**
 * Rows of a table and their scatter-added gradient on WebGPU (stock gather's gradient needs `UnsortedSegmentSum` over
 * the whole vocabulary). Float atomics do not exist and would give another sum on every run, so the backward pass gives
 * each distinct id to its first row, which adds up the others in order: rows²/64 comparisons, no pass over the table
 * but the clearing.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { bindableRows, rowsOf } from "./binding.ts";
import { clear, launch, output } from "./program.ts";

/**
 * table[ids] · scale: ids int32 [rows], table [entries, width], or int32 [entries, width/2] of `packHalf` → [rows, width].
 * One launch for each part of the table that the adapter can bind, most often one.
 */
export function embeddingForward(ids: tf.Tensor1D, table: tf.Tensor2D, scale: number): tf.Tensor2D {
  const [entries, stored] = table.shape, packed = table.dtype === "int32";
  const rows = ids.size, width = stored * (packed ? 2 : 1), y = output<tf.Tensor2D>([rows, width]);
  for (const part of bindableRows(entries, stored)) {
    launch({
      key: "embedding_forward",
      groups: Math.ceil(y.size / 64),
      reads: { ids, table: rowsOf(table, part, stored) },
      writes: { y },
      ints: { total: y.size, width, ...part },
      floats: { scale },
      body: `
  if (index >= u.total) { return; }
  let entry = ids[index / u.width] - u.first;
  if (entry < 0 || entry >= u.count) { return; }
  let at = entry * u.width + index % u.width;
  y[index] = ${packed ? "unpack2x16float(bitcast<u32>(table[at >> 1u]))[at & 1]" : "table[at]"} * u.scale;`,
    });
  }
  return y;
}

/** The gradient with respect to the table, [entries, width], the same on every run. A clearing, and a launch a part. */
export function embeddingBackward(
  dy: tf.Tensor2D,
  ids: tf.Tensor1D,
  entries: number,
  scale: number,
): tf.Tensor2D {
  const [rows, width] = dy.shape, dtable = output<tf.Tensor2D>([entries, width]);
  clear(dtable);
  for (const part of bindableRows(entries, width)) {
    launch({
      key: "embedding_backward",
      groups: rows,
      reads: { dy, ids },
      writes: { dtable: rowsOf(dtable, part, width) },
      ints: { rows, width, ...part },
      floats: { scale },
      declarations: "var<workgroup> earlier: atomic<u32>;",
      body: `
  let id = ids[group];
  let held = id >= u.first && id < u.first + u.count;
  for (var row = lane; row < group; row += 64) {
    if (ids[row] == id) { atomicStore(&earlier, 1u); }
  }
  workgroupBarrier();
  if (!held || atomicLoad(&earlier) == 1u) { return; }
  for (var column = lane; column < u.width; column += 64) {
    var sum = 0.0;
    for (var row = group; row < u.rows; row++) {
      if (ids[row] == id) { sum += dy[row * u.width + column]; }
    }
    dtable[(id - u.first) * u.width + column] = sum * u.scale;
  }`,
    });
  }
  return dtable;
}
