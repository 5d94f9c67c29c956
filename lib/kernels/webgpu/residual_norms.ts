import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";
import { type RmsNormNumbers, rowInvocations } from "./rms_norm_numbers.ts";
import { workgroupTotal } from "./workgroup_total.ts";

/**
 * A decoder's two norms around a residual sum in one launch: x = residual + norm(y)·w, normed = norm(x)·next. The caller
 * disposes of both.
 */
export function residualNormsForward(
  y: tf.Tensor2D,
  { w, residual, next, epsilon, addOne = false }: RmsNormNumbers & {
    w: tf.Tensor1D;
    residual: tf.Tensor2D;
    next: tf.Tensor1D;
  },
): { x: tf.Tensor2D; normed: tf.Tensor2D } {
  const [rows, width] = y.shape, size = Math.max(64, rowInvocations(width));
  const x = output<tf.Tensor2D>([rows, width]), normed = output<tf.Tensor2D>([rows, width]);
  launch({
    key: "residual_norms_forward",
    workgroupSize: size,
    groups: rows,
    reads: { y, w, residual, next },
    writes: { x, normed },
    ints: { width },
    floats: { epsilon, one: addOne ? 1 : 0 },
    declarations: workgroupTotal(size),
    body: `
  var own = 0.0;
  for (var i = lane; i < u.width; i += ${size}) { let v = y[group * u.width + i]; own += v * v; }
  let q = inverseSqrt(total(own, lane) / f32(u.width) + u.epsilon);
  own = 0.0;
  for (var i = lane; i < u.width; i += ${size}) {
    let at = group * u.width + i;
    let v = residual[at] + y[at] * q * (w[i] + u.one);
    x[at] = v;
    own += v * v;
  }
  let r = inverseSqrt(total(own, lane) / f32(u.width) + u.epsilon);
  for (var i = lane; i < u.width; i += ${size}) {
    let at = group * u.width + i;
    normed[at] = x[at] * r * (next[i] + u.one);
  }`,
  });
  return { x, normed };
}
