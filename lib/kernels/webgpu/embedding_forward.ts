import type * as tf from "@tensorflow/tfjs-core";
import { formOf } from "../stored_form.ts";
import { bindableRows, rowsOf } from "./binding.ts";
import { readFour } from "./matrix_reader.ts";
import { storageOf } from "./matrix_storage.ts";
import { launch, output } from "./program.ts";

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
