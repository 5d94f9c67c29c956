import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";

/** values[indices], int32: tfjs-webgpu 4.22 gathers these through float32, which rounds seeds. */
export function gatherInts(values: tf.Tensor1D, indices: tf.Tensor1D): tf.Tensor1D {
  const picked = output<tf.Tensor1D>([indices.size], "int32");
  launch({
    key: "gather_ints",
    groups: Math.ceil(indices.size / 64),
    reads: { values, indices },
    writes: { picked },
    ints: { count: indices.size },
    body: `
  if (index >= u.count) { return; }
  picked[index] = values[indices[index]];`,
  });
  return picked;
}
