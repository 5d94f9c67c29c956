/** Rotary positions on WebGPU: one launch, where tfjs-core needs a split, four products, two sums and a concatenation. */
import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";

/** Which positions, and which way. */
export interface RopeNumbers {
  /** Position of the first row in the tables. @default 0 */
  offset?: number;
  /** Turn back: the gradient of the rotation. @default false */
  inverse?: boolean;
}

/**
 * Rotates x [batch, length, heads, headDim] by the tables cos, sin [positions, headDim/2], halves apart as in Hugging
 * Face: (x₁·cos − x₂·sin, x₂·cos + x₁·sin). The caller disposes of the result.
 * @throws {RangeError} when the tables have too few positions
 */
export function rope(
  x: tf.Tensor4D,
  cos: tf.Tensor2D,
  sin: tf.Tensor2D,
  { offset = 0, inverse = false }: RopeNumbers = {},
): tf.Tensor4D {
  const [batch, length, heads, headDim] = x.shape, half = headDim / 2, count = batch * length * heads * half;
  if (offset + length > cos.shape[0]) {
    throw new RangeError(
      `rotating positions ${offset} to ${offset + length - 1} needs tables of that length, got ${
        cos.shape[0]
      }`,
    );
  }
  const y = output<tf.Tensor4D>(x.shape);
  launch({
    key: "rope",
    groups: Math.ceil(count / 64),
    reads: { x, cosine: cos, sine: sin },
    writes: { y },
    ints: { count, half, heads, length, offset },
    floats: { direction: inverse ? -1 : 1 },
    body: `
  if (index >= u.count) { return; }
  let row = index / u.half;
  let i = index % u.half;
  let table = (u.offset + (row / u.heads) % u.length) * u.half + i;
  let c = cosine[table];
  let s = sine[table] * u.direction;
  let at = row * 2 * u.half + i;
  let a = x[at];
  let b = x[at + u.half];
  y[at] = a * c - b * s;
  y[at + u.half] = b * c + a * s;`,
  });
  return y;
}
