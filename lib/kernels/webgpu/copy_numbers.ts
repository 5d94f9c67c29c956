import type * as tf from "@tensorflow/tfjs-core";
import { launch } from "./program.ts";

/** Writes the numbers of a tensor into another of its size. One launch. */
export function copyNumbers(x: tf.Tensor, y: tf.Tensor): void {
  launch({
    key: "copy_numbers",
    groups: Math.ceil(x.size / 64),
    reads: { x },
    writes: { y },
    ints: { size: x.size },
    body: "if (index < u.size) { y[index] = x[index]; }",
  });
}
