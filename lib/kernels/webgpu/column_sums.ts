import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";

/** Sums of `columns` columns of x from column `first` on, in the order of the rows. */
export function columnSums(x: tf.Tensor2D, first: number, columns: number): tf.Tensor1D {
  const [rows, width] = x.shape, sums = output<tf.Tensor1D>([columns]);
  launch({
    key: "column_sums",
    groups: Math.ceil(columns / 64),
    reads: { x },
    writes: { sums },
    ints: { rows, width, first, columns },
    body: `
  if (index >= u.columns) { return; }
  var sum = 0.0;
  for (var row = 0; row < u.rows; row++) { sum += x[row * u.width + u.first + index]; }
  sums[index] = sum;`,
  });
  return sums;
}
