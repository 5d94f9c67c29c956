import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";
import { groupSize, type RmsNormNumbers } from "./rms_norm_forward.ts";
import { workgroupTotal } from "./workgroup_total.ts";

const rowsPerPartial = 64;

/**
 * dx = q·(w·dy) − x·q³·mean(w·dy·x), dw = Σ_rows dy·x·q, with q = 1/√(mean(x²) + ε). dw is summed in a fixed order: 64
 * rows a workgroup, then the partial sums. Three launches, two when there are at most 64 rows; one without dw, which is then
 * null.
 */
export function rmsNormBackward<T extends tf.Tensor>(
  dy: tf.Tensor,
  x: T,
  w: tf.Tensor,
  { epsilon, addOne = false, weightGradient = true }: RmsNormNumbers & { weightGradient?: boolean },
): { dx: T; dw: tf.Tensor1D | null } {
  const width = w.size, rows = x.size / width, dx = output<T>(x.shape), inverse = output([rows]);
  const numbers = { ints: { rows, width }, floats: { epsilon, one: addOne ? 1 : 0 } };
  const one = `let v = x[at]; sum += v * v; dot += dy[at] * (w[i] + u.one) * v;`;
  const two = `dx[at] = dy[at] * (w[i] + u.one) * q - x[at] * shift;`;
  if (width < 64) {
    launch({
      key: "rms_norm_backward/short",
      groups: Math.ceil(rows / 64),
      reads: { dy, x, w },
      writes: { dx, inverse },
      ...numbers,
      body: `
  if (index >= u.rows) { return; }
  var sum = 0.0; var dot = 0.0;
  for (var i = 0; i < u.width; i++) { let at = index * u.width + i; ${one} }
  let q = inverseSqrt(sum / f32(u.width) + u.epsilon);
  let shift = dot * q * q * q / f32(u.width);
  for (var i = 0; i < u.width; i++) { let at = index * u.width + i; ${two} }
  inverse[index] = q;`,
    });
  } else {
    const size = groupSize(width);
    launch({
      key: "rms_norm_backward/long",
      workgroupSize: size,
      groups: rows,
      reads: { dy, x, w },
      writes: { dx, inverse },
      ...numbers,
      declarations: workgroupTotal(size),
      body: `
  var sum = 0.0; var dot = 0.0;
  for (var i = lane; i < u.width; i += ${size}) { let at = group * u.width + i; ${one} }
  let q = inverseSqrt(total(sum, lane) / f32(u.width) + u.epsilon);
  let shift = total(dot, lane) * q * q * q / f32(u.width);
  for (var i = lane; i < u.width; i += ${size}) { let at = group * u.width + i; ${two} }
  if (lane == 0) { inverse[group] = q; }`,
    });
  }
  if (!weightGradient) {
    inverse.dispose();
    return { dx, dw: null };
  }
  const parts = Math.ceil(rows / rowsPerPartial), blocks = Math.ceil(width / 64);
  const partials = output<tf.Tensor1D>(parts === 1 ? [width] : [parts * width]);
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
  inverse.dispose();
  if (parts === 1) return { dx, dw: partials };
  const dw = output<tf.Tensor1D>([width]);
  launch({
    key: "rms_norm_backward/reduce",
    groups: blocks,
    reads: { partials },
    writes: { dw },
    ints: { parts, width },
    body: `
  if (index >= u.width) { return; }
  var sum = 0.0;
  for (var i = 0; i < u.parts; i++) { sum += partials[i * u.width + index]; }
  dw[index] = sum;`,
  });
  partials.dispose();
  return { dx, dw };
}
