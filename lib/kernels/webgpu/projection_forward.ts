import type * as tf from "@tensorflow/tfjs-core";
import type { Linear } from "../decoder_description.ts";
import { multiply, multiplyTogether } from "./multiply.ts";
import { output } from "./program.ts";
import { lowRankProduct, projectionPlaces } from "./projection_places.ts";

/** Options of {@linkcode projectionForward}. */
export interface ProjectionForwardOptions {
  /** The result is added to this in place: the residual sum of a decoder without a pass of its own. */
  onto?: tf.Tensor2D;
  /** The adapters' A, one below the other, where they were joined: one buffer to bind for all. */
  joined?: tf.Tensor2D;
}

/**
 * x [rows, in] → [rows, Σ out], a new tensor that the caller disposes of, or `onto`. With adapters up to eight rows take two launches:
 * the layers and x·Aᵀ together, then what comes of it by B.
 */
export function projectionForward(
  x: tf.Tensor2D,
  linears: readonly Linear[],
  { onto, joined }: ProjectionForwardOptions = {},
): tf.Tensor2D {
  const [rows, inner] = x.shape, { layers, adapted, width, ranks } = projectionPlaces(linears);
  const y = onto ?? output<tf.Tensor2D>([rows, width]),
    to = { out: y, rows, widthOut: width, transposeB: true };
  const own = {
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
  };
  if (adapted.length === 0) {
    multiply(own);
    return y;
  }
  const low = output<tf.Tensor2D>([rows, ranks]);
  multiplyTogether([own, lowRankProduct(x, adapted, { out: low, joined })]);
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
