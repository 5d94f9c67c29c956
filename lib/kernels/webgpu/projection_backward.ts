import type * as tf from "@tensorflow/tfjs-core";
import type { Linear } from "../decoder_description.ts";
import type { LinearGradients } from "../kernels.ts";
import { columnSums } from "./column_sums.ts";
import { multiply } from "./multiply.ts";
import { output } from "./program.ts";
import { lowRankProduct, projectionPlaces } from "./projection_places.ts";

/** The gradients of `projectionForward`: of its input, and of each layer in turn. The caller disposes of them. */
export function projectionBackward(
  dy: tf.Tensor2D,
  x: tf.Tensor2D,
  linears: readonly Linear[],
): { dx: tf.Tensor2D; layers: LinearGradients[] } {
  const [rows, inner] = x.shape, { layers, adapted, width, ranks } = projectionPlaces(linears);
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
  const [low, dlow] = [0, 1].map(() => output<tf.Tensor2D>([rows, ranks]));
  multiply(lowRankProduct(x, adapted, { out: low }));
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
