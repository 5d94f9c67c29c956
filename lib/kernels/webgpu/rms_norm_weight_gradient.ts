import type * as tf from "@tensorflow/tfjs-core";
import { addLines } from "./add_lines.ts";
import { launch, output } from "./program.ts";

const rowsPerPartial = 64;

/**
 * dw = Σ_rows dy·x·q with `inverse` q [rows], summed in a fixed order: 64 rows a workgroup, then the partial sums. Two launches, one when there are at
 * most 64 rows.
 */
export function rmsNormWeightGradient(dy: tf.Tensor, x: tf.Tensor, inverse: tf.Tensor1D): tf.Tensor1D {
  const rows = inverse.size, width = x.size / rows;
  const parts = Math.ceil(rows / rowsPerPartial), blocks = Math.ceil(width / 64);
  const partials = output<tf.Tensor1D>([parts * width]);
  launch({
    key: "rms_norm_backward/weight",
    groups: parts * blocks,
    reads: { dy, x, inverse },
    writes: { partials },
    ints: { rows, width, blocks },
    body: `
  let part = group / u.blocks;
  let column = (group % u.blocks) * 64 + lane;
  if (column >= u.width) { return; }
  var sum = 0.0;
  for (var row = part * ${rowsPerPartial}; row < min(u.rows, (part + 1) * ${rowsPerPartial}); row++) {
    let at = row * u.width + column;
    sum += dy[at] * x[at] * inverse[row];
  }
  partials[part * u.width + column] = sum;`,
  });
  if (parts === 1) return partials;
  const dw = addLines(partials, parts, width, parts);
  partials.dispose();
  return dw;
}
