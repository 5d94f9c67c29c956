/**
 * Rows of a table and their scatter-added gradient on WebGPU (stock gather's gradient needs `UnsortedSegmentSum` over
 * the whole vocabulary). Float atomics do not exist and would give another sum on every run, so the backward pass gives
 * each distinct id to its first row, which adds up the others in order: rows²/64 comparisons, no pass over the table
 * but the clearing.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { formOf } from "../stored_form.ts";
import { bindableRows, rowsOf } from "./binding.ts";
import { readFour } from "./matrix_reader.ts";
import { storageOf } from "./matrix_storage.ts";
import { clear, launch, output } from "./program.ts";

/**
 * table[ids] · scale: ids int32 [rows], table [entries, width], or int32 of `packHalf` or `quantisedTensor` → [rows, width]. One
 * launch for each part of the table that the adapter can bind, most often one.
 */
export function embeddingForward(ids: tf.Tensor1D, table: tf.Tensor2D, scale: number): tf.Tensor2D {
  const [entries, stored] = table.shape, storage = storageOf(table);
  const rows = ids.size, width = formOf(table).shape[1], y = output<tf.Tensor2D>([rows, width]);
  const fours = Math.ceil(width / 4);
  for (const part of bindableRows(entries, stored)) {
    launch({
      key: `embedding_forward/${storage.key}`,
      groups: Math.ceil(rows * fours / 64),
      reads: { ids, table: rowsOf(table, part, stored) },
      writes: { y },
      ints: {
        total: rows * fours,
        fours,
        width,
        step: storage.kind === "quantised" ? stored : width,
        ...part,
      },
      floats: { scale },
      declarations: readFour("table", storage, false),
      body: `
  if (index >= u.total) { return; }
  let row = index / u.fours;
  let column = index % u.fours * 4;
  let entry = ids[row] - u.first;
  if (entry < 0 || entry >= u.count) { return; }
  let value = read_table(0, entry, column, u.count, u.width, u.step) * u.scale;
  let last = min(4, u.width - column);
  for (var i = 0; i < last; i++) { y[row * u.width + column + i] = value[i]; }`,
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
