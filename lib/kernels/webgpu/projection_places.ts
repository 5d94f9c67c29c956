import type * as tf from "@tensorflow/tfjs-core";
import type { Linear } from "../decoder_description.ts";
import { multiply } from "./multiply.ts";
import { output } from "./program.ts";

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

/** x·Aᵀ of several adapters side by side, [rows, Σ rank]. */
export function lowRankProducts(
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
