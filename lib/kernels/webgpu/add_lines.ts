import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";

/** Sums of up to `atOnce` consecutive lines of `width`, in order. */
export function addLines(lines: tf.Tensor, count: number, width: number, atOnce: number): tf.Tensor1D {
  const share = Math.min(count, atOnce),
    parts = Math.ceil(count / share),
    sums = output<tf.Tensor1D>([parts * width]);
  launch({
    key: "add_lines",
    groups: Math.ceil(parts * width / 64),
    reads: { lines },
    writes: { sums },
    ints: { count, width, share, total: parts * width },
    body: `
  if (index >= u.total) { return; }
  let first = index / u.width * u.share;
  var sum = 0.0;
  for (var line = first; line < min(u.count, first + u.share); line++) { sum += lines[line * u.width + index % u.width]; }
  sums[index] = sum;`,
  });
  return sums;
}
