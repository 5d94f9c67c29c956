import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";

/**
 * Joins what workgroups found for parts of the keys: sums [parts·batch, length, heads, headDim] of e^(score − top)·v, and
 * [parts·batch, length, 2·heads] of top and Σ e^(score − top). In the order of the parts. One launch, a workgroup a row and head.
 */
export function combineAttention(
  sums: tf.Tensor4D,
  moments: tf.Tensor3D,
  parts: number,
): { out: tf.Tensor4D; logSumExp: tf.Tensor3D } {
  const [batches, length, heads, headDim] = sums.shape, batch = batches / parts;
  const out = output<tf.Tensor4D>([batch, length, heads, headDim]),
    logSumExp = output<tf.Tensor3D>([batch, length, heads]);
  launch({
    key: "attention_combine",
    groups: logSumExp.size,
    reads: { sums, moments },
    writes: { out, logSumExp },
    ints: { parts, total: logSumExp.size, headDim },
    body: `
  var top = -1e30;
  for (var part = 0; part < u.parts; part++) { top = max(top, moments[2 * (part * u.total + group)]); }
  var mass = 0.0;
  for (var part = 0; part < u.parts; part++) {
    let at = 2 * (part * u.total + group);
    mass += exp(moments[at] - top) * moments[at + 1];
  }
  let share = select(1.0 / mass, 0.0, mass == 0.0);
  for (var i = lane; i < u.headDim; i += 64) {
    var sum = 0.0;
    for (var part = 0; part < u.parts; part++) {
      let at = part * u.total + group;
      sum += exp(moments[2 * at] - top) * sums[at * u.headDim + i];
    }
    out[group * u.headDim + i] = sum * share;
  }
  if (lane == 0) { logSumExp[group] = select(top + log(mass), -1e30, mass == 0.0); }`,
  });
  return { out, logSumExp };
}
