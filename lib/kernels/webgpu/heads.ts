/**
 * From one packed projection to rotated queries, keys and values on WebGPU: split, per-head norm and rotary positions in
 * one launch instead of about ten, and keys and values go straight into a cache where there is one. A workgroup takes one
 * head of one row. Backward: two launches, two more where the norms are trained.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";
import { workgroupTotal } from "./workgroup_total.ts";

/** How heads lie in the packed rows [batch·length, (heads + 2·kvHeads)·headDim], and what is done to them. */
export interface HeadsNumbers {
  batch: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Per-head norms of queries and keys [headDim]; both or none. */
  queryNorm?: tf.Tensor1D;
  keyNorm?: tf.Tensor1D;
  /** Whether they get gradients. @default true */
  trainable?: boolean;
  epsilon: number;
  addOne: boolean;
  /** Rotary tables [positions, headDim/2]. */
  cos: tf.Tensor2D;
  sin: tf.Tensor2D;
  /** Position of the first row, in the cache and in the tables. @default 0 */
  offset?: number;
  /** First position of each sequence, int32 [batch], where prompts are padded on the left. */
  starts?: tf.Tensor1D;
}

/** Where keys and values go. */
export interface KeyValueCache {
  /** [batch, capacity, kvHeads, headDim] */
  keys: tf.Tensor4D;
  values: tf.Tensor4D;
}

/** Queries, keys and values [batch, length, heads, headDim]; with a cache, the whole caches. */
export interface Heads {
  q: tf.Tensor4D;
  k: tf.Tensor4D;
  v: tf.Tensor4D;
}

/**
 * Splits, norms and rotates. Without a cache the caller disposes of all three; with one, keys and values are written in it
 * at `offset` and only q is new.
 * @throws {RangeError} when tables or cache have too few positions
 */
export function headsForward(packed: tf.Tensor2D, numbers: HeadsNumbers, cache?: KeyValueCache): Heads {
  const {
    batch,
    heads,
    kvHeads,
    headDim,
    queryNorm,
    keyNorm,
    epsilon,
    addOne,
    cos,
    sin,
    offset = 0,
    starts,
  } = numbers;
  const length = packed.shape[0] / batch, slots = heads + 2 * kvHeads, half = headDim / 2;
  const capacity = cache ? cache.keys.shape[1] : length;
  if (offset + length > Math.min(cos.shape[0], cache ? capacity : Infinity)) {
    throw new RangeError(
      `splitting heads at positions ${offset} to ${
        offset + length - 1
      } needs tables and a cache of that length, got ${cos.shape[0]} and ${capacity}`,
    );
  }
  const q = output<tf.Tensor4D>([batch, length, heads, headDim]);
  const k = cache?.keys ?? output<tf.Tensor4D>([batch, length, kvHeads, headDim]);
  const v = cache?.values ?? output<tf.Tensor4D>([batch, length, kvHeads, headDim]);
  const normed = queryNorm !== undefined && keyNorm !== undefined;
  launch({
    key: `heads_forward/${normed}/${starts !== undefined}`,
    groups: packed.shape[0] * slots,
    reads: {
      packed,
      cosine: cos,
      sine: sin,
      ...(normed ? { queryNorm, keyNorm } : {}) as Record<string, tf.Tensor>,
      ...(starts ? { starts } : {}) as Record<string, tf.Tensor>,
    },
    writes: { q, k, v },
    ints: { length, heads, kvHeads, half, slots, capacity, offset, place: cache ? offset : 0 },
    floats: { epsilon, one: addOne ? 1 : 0 },
    declarations: workgroupTotal(64),
    body: `
  let row = group / u.slots;
  let slot = group % u.slots;
  let b = row / u.length;
  let t = row % u.length;
  let source = group * 2 * u.half;
  ${
      normed
        ? `
  var own = 0.0;
  for (var i = lane; i < 2 * u.half; i += 64) { own += packed[source + i] * packed[source + i]; }
  let scale = inverseSqrt(total(own, lane) / f32(2 * u.half) + u.epsilon);`
        : ""
    }
  let position = max(0, u.offset + t${starts ? " - starts[b]" : ""});
  for (var i = lane; i < u.half; i += 64) {
    var x = packed[source + i];
    var y = packed[source + u.half + i];
    ${
      normed
        ? `
    if (slot < u.heads) {
      x *= scale * (queryNorm[i] + u.one);
      y *= scale * (queryNorm[u.half + i] + u.one);
    } else {
      x *= scale * (keyNorm[i] + u.one);
      y *= scale * (keyNorm[u.half + i] + u.one);
    }`
        : ""
    }
    let c = cosine[position * u.half + i];
    let s = sine[position * u.half + i];
    if (slot >= u.heads + u.kvHeads) {
      let to = ((b * u.capacity + u.place + t) * u.kvHeads + slot - u.heads - u.kvHeads) * 2 * u.half + i;
      v[to] = packed[source + i];
      v[to + u.half] = packed[source + u.half + i];
    } else if (slot < u.heads) {
      let to = (row * u.heads + slot) * 2 * u.half + i;
      q[to] = x * c - y * s;
      q[to + u.half] = y * c + x * s;
    } else {
      let to = ((b * u.capacity + u.place + t) * u.kvHeads + slot - u.heads) * 2 * u.half + i;
      k[to] = x * c - y * s;
      k[to + u.half] = y * c + x * s;
    }
  }`,
  });
  return { q, k, v };
}

/** The gradients of {@linkcode headsForward} without a cache, given those of its results; norms' where there are any. */
export function headsBackward(
  { q: dq, k: dk, v: dv }: Heads,
  packed: tf.Tensor2D,
  numbers: HeadsNumbers,
): { dpacked: tf.Tensor2D; dqueryNorm?: tf.Tensor1D; dkeyNorm?: tf.Tensor1D } {
  const { batch, heads, kvHeads, headDim, queryNorm, keyNorm, trainable = true, epsilon, addOne, cos, sin } =
    numbers;
  const rows = packed.shape[0], dpacked = output<tf.Tensor2D>(packed.shape);
  const side = (dy: tf.Tensor4D, count: number, first: number, norm?: tf.Tensor1D, values?: tf.Tensor4D) => {
    const parts = Math.ceil(rows * count / 64),
      shares = norm && trainable ? output([rows * count * headDim]) : undefined;
    const inside = count + (values ? count : 0);
    launch({
      key: `heads_backward/${norm !== undefined}/${shares !== undefined}/${values !== undefined}`,
      groups: rows * inside,
      reads: {
        dy,
        cosine: cos,
        sine: sin,
        ...(norm ? { packed, norm } : {}) as Record<string, tf.Tensor>,
        ...(values ? { values } : {}) as Record<string, tf.Tensor>,
      },
      writes: { dpacked, ...(shares ? { shares } : {}) as Record<string, tf.Tensor> },
      ints: { length: rows / batch, count, inside, first, slots: heads + 2 * kvHeads, half: headDim / 2 },
      floats: { epsilon, one: addOne ? 1 : 0 },
      declarations: workgroupTotal(64),
      body: `
  let row = group / u.inside;
  let slot = group % u.inside;
  let width = 2 * u.half;
  let at = (row * u.slots + u.first + slot) * width;
  ${
        values
          ? `
  let passed = slot >= u.count;
  let source = (row * u.count + select(slot, slot - u.count, passed)) * width;`
          : "let source = (row * u.count + slot) * width;"
      }
  let table = (row % u.length) * u.half;
  ${
        norm
          ? `
  var own = 0.0;
  var product = 0.0;
  for (var i = lane; i < u.half; i += 64) {
    let c = cosine[table + i];
    let s = sine[table + i];
    let x = packed[at + i];
    let y = packed[at + u.half + i];
    let dx = dy[source + i] * c + dy[source + u.half + i] * s;
    let dz = dy[source + u.half + i] * c - dy[source + i] * s;
    own += x * x + y * y;
    product += dx * (norm[i] + u.one) * x + dz * (norm[u.half + i] + u.one) * y;
  }
  let scale = inverseSqrt(total(own, lane) / f32(width) + u.epsilon);
  let shift = total(product, lane) * scale * scale * scale / f32(width);`
          : ""
      }
  for (var i = lane; i < u.half; i += 64) {
    let c = cosine[table + i];
    let s = sine[table + i];
    let dx = dy[source + i] * c + dy[source + u.half + i] * s;
    let dz = dy[source + u.half + i] * c - dy[source + i] * s;
    ${
        values
          ? `
    if (passed) {
      dpacked[at + i] = values[source + i];
      dpacked[at + u.half + i] = values[source + u.half + i];
      continue;
    }`
          : ""
      }
    ${
        norm
          ? `
    let x = packed[at + i];
    let y = packed[at + u.half + i];
    ${shares ? "shares[source + i] = dx * x * scale; shares[source + u.half + i] = dz * y * scale;" : ""}
    dpacked[at + i] = dx * (norm[i] + u.one) * scale - x * shift;
    dpacked[at + u.half + i] = dz * (norm[u.half + i] + u.one) * scale - y * shift;`
          : `
    dpacked[at + i] = dx;
    dpacked[at + u.half + i] = dz;`
      }
  }`,
    });
    if (!shares) return undefined;
    const partials = parts === 1 ? shares : addLines(shares, rows * count, headDim, 64);
    const sum = addLines(partials, parts === 1 ? rows * count : parts, headDim, Infinity);
    if (partials !== shares) partials.dispose();
    shares.dispose();
    return sum;
  };
  const dqueryNorm = side(dq, heads, 0, queryNorm), dkeyNorm = side(dk, kvHeads, heads, keyNorm, dv);
  return { dpacked, dqueryNorm, dkeyNorm };
}

/** Sums of up to `atOnce` consecutive lines of `width`, in order. */
function addLines(lines: tf.Tensor, count: number, width: number, atOnce: number): tf.Tensor1D {
  const share = Math.min(count, atOnce),
    parts = Math.ceil(count / share),
    sums = output<tf.Tensor1D>([parts * width]);
  launch({
    key: "add_lines",
    groups: Math.ceil(parts * width / 64),
    reads: { lines },
    writes: { sums },
    ints: { count, width, share, total: parts * width },
    body: `
  if (index >= u.total) { return; }
  let first = index / u.width * u.share;
  var sum = 0.0;
  for (var line = first; line < min(u.count, first + u.share); line++) { sum += lines[line * u.width + index % u.width]; }
  sums[index] = sum;`,
  });
  return sums;
}
