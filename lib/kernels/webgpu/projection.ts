/**
 * Linear layers of one input side by side on WebGPU, with LoRA: each writes its own columns of the result and takes its
 * own columns of the gradient, so that nothing is concatenated, split or merged. One launch a layer forward (three with
 * LoRA), one for dx and one for each trained matrix backward.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { multiply } from "./matmul.ts";
import { launch, output } from "./program.ts";

/** y = x·Wᵀ + bias + scale·(x·Aᵀ)·Bᵀ. */
export interface LinearTensors {
  /** [out, in], or int32 [out, in/2] of `packHalf` where it is frozen */
  weight: tf.Tensor2D;
  /** [out] */
  bias?: tf.Tensor1D;
  /** Whether weight and bias get gradients. */
  trainable: boolean;
  /** a [rank, in], b [out, rank] */
  lora?: { a: tf.Tensor2D; b: tf.Tensor2D; scale: number };
}

/** The gradients of one linear layer, where it is trained. */
export interface LinearGradients {
  weight?: tf.Tensor2D;
  bias?: tf.Tensor1D;
  a?: tf.Tensor2D;
  b?: tf.Tensor2D;
}

/**
 * x [rows, in] → [rows, Σ out], a new tensor that the caller disposes of, or added to `onto` in place: the residual sum of
 * a decoder without a pass of its own.
 */
export function projectForward(
  x: tf.Tensor2D,
  linears: readonly LinearTensors[],
  onto?: tf.Tensor2D,
): tf.Tensor2D {
  const [rows, inner] = x.shape, width = linears.reduce((sum, { weight }) => sum + weight.shape[0], 0);
  const y = onto ?? output<tf.Tensor2D>([rows, width]);
  let first = 0;
  for (const { weight, bias, lora } of linears) {
    const columns = weight.shape[0],
      to = { out: y, rows, columns, transposeB: true, withinOut: { first, width } };
    multiply({ a: x, b: weight, inner, bias, accumulate: onto !== undefined, ...to });
    if (lora) {
      const low = lowRank(x, lora.a);
      multiply({ a: low, b: lora.b, inner: lora.a.shape[0], accumulate: true, scale: lora.scale, ...to });
      low.dispose();
    }
    first += columns;
  }
  return y;
}

function lowRank(x: tf.Tensor2D, a: tf.Tensor2D): tf.Tensor2D {
  const [rows, inner] = x.shape, [columns] = a.shape, low = output<tf.Tensor2D>([rows, columns]);
  multiply({ a: x, b: a, out: low, rows, columns, inner, transposeB: true });
  return low;
}

/** The gradients of {@linkcode projectForward}: of its input, and of each layer in turn. The caller disposes of them. */
export function projectBackward(
  dy: tf.Tensor2D,
  x: tf.Tensor2D,
  linears: readonly LinearTensors[],
): { dx: tf.Tensor2D; layers: LinearGradients[] } {
  const [rows, inner] = x.shape, width = dy.shape[1], dx = output<tf.Tensor2D>(x.shape);
  let first = 0;
  const layers = linears.map(({ weight, bias, trainable, lora }, index) => {
    const [columns] = weight.shape, withinA = { first, width }, gradients: LinearGradients = {};
    multiply({
      a: dy,
      withinA,
      b: weight,
      out: dx,
      rows,
      columns: inner,
      inner: columns,
      accumulate: index > 0,
    });
    if (trainable) {
      if (weight.dtype !== "float32") {
        throw new RangeError(
          "training a linear layer needs float32 weights, and these are packed to 16 bits",
        );
      }
      gradients.weight = output<tf.Tensor2D>(weight.shape);
      multiply({
        a: dy,
        withinA,
        transposeA: true,
        b: x,
        out: gradients.weight,
        rows: columns,
        columns: inner,
        inner: rows,
      });
      if (bias) gradients.bias = columnSums(dy, withinA.first, columns);
    }
    if (lora) {
      const { a, b, scale } = lora,
        rank = a.shape[0],
        low = lowRank(x, a),
        dlow = output<tf.Tensor2D>([rows, rank]);
      gradients.b = output<tf.Tensor2D>(b.shape);
      multiply({
        a: dy,
        withinA,
        transposeA: true,
        b: low,
        out: gradients.b,
        rows: columns,
        columns: rank,
        inner: rows,
        scale,
      });
      multiply({ a: dy, withinA, b, out: dlow, rows, columns: rank, inner: columns, scale });
      gradients.a = output<tf.Tensor2D>(a.shape);
      multiply({
        a: dlow,
        transposeA: true,
        b: x,
        out: gradients.a,
        rows: rank,
        columns: inner,
        inner: rows,
      });
      multiply({ a: dlow, b: a, out: dx, rows, columns: inner, inner: rank, accumulate: true });
      low.dispose();
      dlow.dispose();
    }
    first += columns;
    return gradients;
  });
  return { dx, layers };
}

function columnSums(x: tf.Tensor2D, first: number, columns: number): tf.Tensor1D {
  const [rows, width] = x.shape, sums = output<tf.Tensor1D>([columns]);
  launch({
    key: "column_sums",
    groups: Math.ceil(columns / 64),
    reads: { x },
    writes: { sums },
    ints: { rows, width, first, columns },
    body: `
  if (index >= u.columns) { return; }
  var sum = 0.0;
  for (var row = 0; row < u.rows; row++) { sum += x[row * u.width + u.first + index]; }
  sums[index] = sum;`,
  });
  return sums;
}
