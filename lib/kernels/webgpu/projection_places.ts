import type * as tf from "@tensorflow/tfjs-core";
import type { Linear } from "../decoder_description.ts";
import type { Product } from "./product.ts";

/** Where a layer lies in the result, and its adapter in the low-rank products side by side. */
export function projectionPlaces(linears: readonly Linear[]) {
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

/** x·Aᵀ of several adapters side by side, into `out` [rows, Σ rank]; of the `joined` A where there is one. */
export function lowRankProduct(
  x: tf.Tensor2D,
  adapted: readonly { a: tf.Tensor2D; rank: number; firstLow: number }[],
  { out, joined }: { out: tf.Tensor2D; joined?: tf.Tensor2D },
): Product {
  const [rows, inner] = x.shape, [, ranks] = out.shape;
  const factors = joined
    ? [{ b: joined, columns: ranks, inner }]
    : adapted.map(({ a, rank, firstLow }) => ({ b: a, columns: rank, inner, firstOut: firstLow }));
  return { a: x, factors, out, rows, widthOut: ranks, transposeB: true };
}
