import type * as tf from "@tensorflow/tfjs-core";
import { bindableRows, rowsOf } from "./binding.ts";
import { clear, launch, output } from "./program.ts";

/**
 * The gradient with respect to the table, [entries, width], the same on every run. Float atomics do not exist and would give another
 * sum each time, so each distinct id goes to its first row, which adds up the others in order: rows²/64 comparisons, no pass over the
 * table but the clearing. A clearing, and a launch a part.
 */
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
