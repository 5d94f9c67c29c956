/** Writing new keys or values into a cache in place: stock tfjs can only build a longer tensor each token. */
import type * as tf from "@tensorflow/tfjs-core";
import { launch } from "./program.ts";

/**
 * cache[b, position + t] = rows[b, t] for rows [batch, length, kvHeads, headDim] and cache [batch, capacity, kvHeads,
 * headDim]. The cache's buffer changes, and no tensor is made. One launch.
 * @throws {RangeError} when the rows would pass the cache's end
 */
export function writeCache(cache: tf.Tensor4D, rows: tf.Tensor4D, position: number): void {
  const [, capacity, kvHeads, headDim] = cache.shape, length = rows.shape[1];
  if (position < 0 || position + length > capacity) {
    throw new RangeError(
      `writing ${length} positions from ${position} needs a cache that holds them, got a capacity of ${capacity}`,
    );
  }
  launch({
    key: "write_cache",
    groups: Math.ceil(rows.size / 64),
    reads: { rows },
    writes: { cache },
    ints: {
      count: rows.size,
      span: length * kvHeads * headDim,
      stride: capacity * kvHeads * headDim,
      start: position * kvHeads * headDim,
    },
    body: `
  if (index >= u.count) { return; }
  cache[(index / u.span) * u.stride + u.start + index % u.span] = rows[index];`,
  });
}
