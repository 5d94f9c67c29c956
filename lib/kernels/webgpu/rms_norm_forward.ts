import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";
import { type RmsNormNumbers, rowInvocations } from "./rms_norm_numbers.ts";
import { workgroupTotal } from "./workgroup_total.ts";

/** y = x / √(mean(x²) + ε) · w over the last dimension of x; w [width]. The caller disposes of y. One launch. */
export function rmsNormForward<T extends tf.Tensor>(
  x: T,
  w: tf.Tensor,
  { epsilon, addOne = false, residual }: RmsNormNumbers,
): T {
  const width = w.size, rows = x.size / width, y = output<T>(x.shape), size = rowInvocations(width);
  const add = residual ? "residual[at] + " : "";
  const result = `y[at] = ${add}x[at] * q * (w[i] + u.one);`;
  launch({
    key: `rms_norm_forward/${size === 1 ? "short" : "long"}/${add}`,
    ...(size === 1
      ? {
        groups: Math.ceil(rows / 64),
        body: `
  if (index >= u.rows) { return; }
  var sum = 0.0;
  for (var i = 0; i < u.width; i++) { let v = x[index * u.width + i]; sum += v * v; }
  let q = inverseSqrt(sum / f32(u.width) + u.epsilon);
  for (var i = 0; i < u.width; i++) { let at = index * u.width + i; ${result} }`,
      }
      : {
        workgroupSize: size,
        groups: rows,
        declarations: workgroupTotal(size),
        body: `
  var own = 0.0;
  for (var i = lane; i < u.width; i += ${size}) { let v = x[group * u.width + i]; own += v * v; }
  let q = inverseSqrt(total(own, lane) / f32(u.width) + u.epsilon);
  for (var i = lane; i < u.width; i += ${size}) { let at = group * u.width + i; ${result} }`,
      }),
    reads: residual ? { x, w, residual } as Record<string, tf.Tensor> : { x, w },
    writes: { y },
    ints: { rows, width },
    floats: { epsilon, one: addOne ? 1 : 0 },
  });
  return y;
}
