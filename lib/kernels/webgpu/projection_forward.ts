import type * as tf from "@tensorflow/tfjs-core";
import type { Linear } from "../decoder_description.ts";
import { multiply } from "./multiply.ts";
import { output } from "./program.ts";
import { lowRankProducts, projectionPlaces } from "./projection_places.ts";

/**
 * x [rows, in] → [rows, Σ out], a new tensor that the caller disposes of, or added to `onto` in place: the residual sum of
 * a decoder without a pass of its own.
 */
export function projectionForward(
  x: tf.Tensor2D,
  linears: readonly Linear[],
  onto?: tf.Tensor2D,
): tf.Tensor2D {
  const [rows, inner] = x.shape, { layers, adapted, width, ranks } = projectionPlaces(linears);
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
  const low = lowRankProducts(x, adapted, ranks);
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
