/**
 * Root-mean-square norm on WebGPU. Stock tfjs takes six launches and five temporaries; here one forward and three
 * backward; decoding does a residual sum and the norms around it in one. Long rows take a workgroup each, rows shorter than 64 (per-head norms) an invocation each.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";
import { workgroupTotal } from "./workgroup_total.ts";

/** The norm's numbers. */
export interface RmsNormNumbers {
  epsilon: number;
  /** Multiply by 1 + w instead of w. @default false */
  addOne?: boolean;
  /** Added to the result: y = residual + norm(x)·w. [rows, width] */
  residual?: tf.Tensor;
}

/** Invocations that work on a row. */
export const groupSize = (width: number) => width >= 1024 ? 256 : 64;

/** y = x / √(mean(x²) + ε) · w over the last dimension of x; w [width]. The caller disposes of y. One launch. */
export function rmsNormForward<T extends tf.Tensor>(
  x: T,
  w: tf.Tensor,
  { epsilon, addOne = false, residual }: RmsNormNumbers,
): { y: T } {
  const width = w.size, rows = x.size / width, y = output<T>(x.shape);
  const numbers = { ints: { rows, width }, floats: { epsilon, one: addOne ? 1 : 0 } };
  const reads: Record<string, tf.Tensor> = residual ? { x, w, residual } : { x, w },
    add = residual ? "residual[at] + " : "";
  const result = `y[at] = ${add}x[at] * q * (w[i] + u.one);`;
  if (width < 64) {
    launch({
      key: `rms_norm_forward/short/${add}`,
      groups: Math.ceil(rows / 64),
      reads,
      writes: { y },
      ...numbers,
      body: `
  if (index >= u.rows) { return; }
  var sum = 0.0;
  for (var i = 0; i < u.width; i++) { let v = x[index * u.width + i]; sum += v * v; }
  let q = inverseSqrt(sum / f32(u.width) + u.epsilon);
  for (var i = 0; i < u.width; i++) { let at = index * u.width + i; ${result} }`,
    });
    return { y };
  }
  const size = groupSize(width);
  launch({
    key: `rms_norm_forward/long/${add}`,
    workgroupSize: size,
    groups: rows,
    reads,
    writes: { y },
    ...numbers,
    declarations: workgroupTotal(size),
    body: `
  var own = 0.0;
  for (var i = lane; i < u.width; i += ${size}) { let v = x[group * u.width + i]; own += v * v; }
  let q = inverseSqrt(total(own, lane) / f32(u.width) + u.epsilon);
  for (var i = lane; i < u.width; i += ${size}) { let at = group * u.width + i; ${result} }`,
  });
  return { y };
}
