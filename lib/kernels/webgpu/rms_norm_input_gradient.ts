import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";
import { type RmsNormNumbers, rowInvocations } from "./rms_norm_numbers.ts";
import { workgroupTotal } from "./workgroup_total.ts";

/** dx = q·(w·dy) − x·q³·mean(w·dy·x), and each row's q = 1/√(mean(x²) + ε), which the gradient of w reads. One launch. */
export function rmsNormInputGradient<T extends tf.Tensor>(
  dy: tf.Tensor,
  x: T,
  w: tf.Tensor,
  { epsilon, addOne = false }: RmsNormNumbers,
): { dx: T; inverse: tf.Tensor1D } {
  const width = w.size, rows = x.size / width, size = rowInvocations(width);
  const dx = output<T>(x.shape), inverse = output<tf.Tensor1D>([rows]);
  const sums = `let v = x[at]; sum += v * v; dot += dy[at] * (w[i] + u.one) * v;`;
  const result = `dx[at] = dy[at] * (w[i] + u.one) * q - x[at] * shift;`;
  launch({
    key: `rms_norm_backward/${size === 1 ? "short" : "long"}`,
    ...(size === 1
      ? {
        groups: Math.ceil(rows / 64),
        body: `
  if (index >= u.rows) { return; }
  var sum = 0.0; var dot = 0.0;
  for (var i = 0; i < u.width; i++) { let at = index * u.width + i; ${sums} }
  let q = inverseSqrt(sum / f32(u.width) + u.epsilon);
  let shift = dot * q * q * q / f32(u.width);
  for (var i = 0; i < u.width; i++) { let at = index * u.width + i; ${result} }
  inverse[index] = q;`,
      }
      : {
        workgroupSize: size,
        groups: rows,
        declarations: workgroupTotal(size),
        body: `
  var sum = 0.0; var dot = 0.0;
  for (var i = lane; i < u.width; i += ${size}) { let at = group * u.width + i; ${sums} }
  let q = inverseSqrt(total(sum, lane) / f32(u.width) + u.epsilon);
  let shift = total(dot, lane) * q * q * q / f32(u.width);
  for (var i = lane; i < u.width; i += ${size}) { let at = group * u.width + i; ${result} }
  if (lane == 0) { inverse[group] = q; }`,
      }),
    reads: { dy, x, w },
    writes: { dx, inverse },
    ints: { rows, width },
    floats: { epsilon, one: addOne ? 1 : 0 },
  });
  return { dx, inverse };
}
