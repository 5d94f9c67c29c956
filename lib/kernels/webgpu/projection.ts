/**
 * Linear layers of one input side by side on WebGPU, with LoRA: each writes its own columns of the result and takes its
 * own columns of the gradient, so that nothing is concatenated, split or merged. However many layers share the input, one
 * launch forward (three with LoRA), one for dx backward (four with LoRA), and one for each trained matrix.
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Linear } from "../decoder_description.ts";
import type { LinearGradients } from "../kernels.ts";
import { multiply } from "./multiply.ts";
import { launch, output } from "./program.ts";

/** Where a layer lies in the result, and its adapter in the low-rank products side by side. */
function places(linears: readonly Linear[]) {
  let width = 0, ranks = 0;
  const layers = linears.map((linear) => {
    const first = width, firstLow = ranks, rank = linear.lora?.a.shape[0] ?? 0;
    width += linear.weight.shape[0];
    ranks += rank;
    return { ...linear, columns: linear.weight.shape[0], first, firstLow, rank };
  });
  const adapted = layers.flatMap(({ lora, ...rest }) => lora ? [{ ...rest, ...lora }] : []);
  return { layers, adapted, width, ranks };
}

/**
 * x [rows, in] → [rows, Σ out], a new tensor that the caller disposes of, or added to `onto` in place: the residual sum of
 * a decoder without a pass of its own.
 */
export function projectForward(
  x: tf.Tensor2D,
  linears: readonly Linear[],
  onto?: tf.Tensor2D,
): tf.Tensor2D {
  const [rows, inner] = x.shape, { layers, adapted, width, ranks } = places(linears);
  const y = onto ?? output<tf.Tensor2D>([rows, width]),
    to = { out: y, rows, widthOut: width, transposeB: true };
  multiply({
    a: x,
    factors: layers.map(({ weight, bias, columns, first }) => ({
      b: weight,
      columns,
      inner,
      bias,
      firstOut: first,
    })),
    accumulate: onto !== undefined,
    ...to,
  });
  if (adapted.length === 0) return y;
  const low = lowRank(x, adapted, ranks);
  multiply({
    a: low,
    widthA: ranks,
    factors: adapted.map(({ b, columns, rank, scale, first, firstLow }) => ({
      b,
      columns,
      inner: rank,
      scale,
      firstA: firstLow,
      firstOut: first,
    })),
    accumulate: true,
    ...to,
  });
  low.dispose();
  return y;
}

/** x·Aᵀ of several adapters side by side, [rows, Σ rank]. */
function lowRank(
  x: tf.Tensor2D,
  adapted: { a: tf.Tensor2D; rank: number; firstLow: number }[],
  ranks: number,
): tf.Tensor2D {
  const [rows, inner] = x.shape, low = output<tf.Tensor2D>([rows, ranks]);
  multiply({
    a: x,
    factors: adapted.map(({ a, rank, firstLow }) => ({ b: a, columns: rank, inner, firstOut: firstLow })),
    out: low,
    rows,
    widthOut: ranks,
    transposeB: true,
  });
  return low;
}

/** The gradients of {@linkcode projectForward}: of its input, and of each layer in turn. The caller disposes of them. */
export function projectBackward(
  dy: tf.Tensor2D,
  x: tf.Tensor2D,
  linears: readonly Linear[],
): { dx: tf.Tensor2D; layers: LinearGradients[] } {
  const [rows, inner] = x.shape, { layers, adapted, width, ranks } = places(linears);
  const dx = output<tf.Tensor2D>(x.shape), gradients: LinearGradients[] = layers.map(() => ({}));
  multiply({
    a: dy,
    widthA: width,
    factors: layers.map(({ weight, columns, first }) => ({
      b: weight,
      columns: inner,
      inner: columns,
      firstA: first,
    })),
    sum: true,
    out: dx,
    rows,
  });
  for (const [index, { weight, bias, trainable, columns, first }] of layers.entries()) {
    if (!trainable) continue;
    if (weight.dtype !== "float32") {
      throw new RangeError("training a linear layer needs float32 weights, and these are packed to 16 bits");
    }
    const dweight = gradients[index].weight = output<tf.Tensor2D>(weight.shape);
    multiply({
      a: dy,
      widthA: width,
      transposeA: true,
      factors: [{ b: x, columns: inner, inner: rows, firstA: first }],
      out: dweight,
      rows: columns,
    });
    if (bias) gradients[index].bias = columnSums(dy, first, columns);
  }
  if (adapted.length === 0) return { dx, layers: gradients };
  const low = lowRank(x, adapted, ranks), dlow = output<tf.Tensor2D>([rows, ranks]);
  multiply({
    a: dy,
    widthA: width,
    factors: adapted.map(({ b, columns, rank, scale, first, firstLow }) => ({
      b,
      columns: rank,
      inner: columns,
      scale,
      firstA: first,
      firstOut: firstLow,
    })),
    out: dlow,
    rows,
    widthOut: ranks,
  });
  for (const [index, { lora, columns, rank, first, firstLow }] of layers.entries()) {
    if (!lora) continue;
    const { a, b, scale } = lora, own = gradients[index];
    own.b = output<tf.Tensor2D>(b.shape);
    multiply({
      a: dy,
      widthA: width,
      transposeA: true,
      factors: [{
        b: low,
        columns: rank,
        inner: rows,
        firstA: first,
        firstB: firstLow,
        widthB: ranks,
        scale,
      }],
      out: own.b,
      rows: columns,
    });
    own.a = output<tf.Tensor2D>(a.shape);
    multiply({
      a: dlow,
      widthA: ranks,
      transposeA: true,
      factors: [{ b: x, columns: inner, inner: rows, firstA: firstLow }],
      out: own.a,
      rows: rank,
    });
  }
  multiply({
    a: dlow,
    widthA: ranks,
    factors: adapted.map(({ a, rank, firstLow }) => ({
      b: a,
      columns: inner,
      inner: rank,
      firstA: firstLow,
    })),
    sum: true,
    accumulate: true,
    out: dx,
    rows,
  });
  low.dispose();
  dlow.dispose();
  return { dx, layers: gradients };
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
