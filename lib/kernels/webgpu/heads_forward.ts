/**
 * From one packed projection to rotated queries, keys and values on WebGPU: split, per-head norm and rotary positions in
 * one launch instead of about ten, and keys and values go straight into a cache where there is one. A workgroup takes one
 * head of one row.
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Heads, HeadsNumbers, KeyValueCache } from "./heads_plan.ts";
import { launch, output } from "./program.ts";
import { valueOf } from "./recording.ts";
import { workgroupTotal } from "./workgroup_total.ts";

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
    rotary,
    offset = 0,
    starts,
    positions,
  } = numbers;
  const length = packed.shape[0] / batch, slots = heads + 2 * kvHeads, half = headDim / 2;
  const capacity = cache ? cache.keys.shape[1] : length;
  const from = valueOf(offset);
  if (!positions && from + length > Math.min(rotary.shape[0] / 2, cache ? capacity : Infinity)) {
    throw new RangeError(
      `splitting heads at positions ${from} to ${
        from + length - 1
      } needs tables and a cache of that length, got ${rotary.shape[0] / 2} and ${capacity}`,
    );
  }
  const q = output<tf.Tensor4D>([batch, length, heads, headDim]);
  const k = cache?.keys ?? output<tf.Tensor4D>([batch, length, kvHeads, headDim]);
  const v = cache?.values ?? output<tf.Tensor4D>([batch, length, kvHeads, headDim]);
  const normed = queryNorm !== undefined && keyNorm !== undefined;
  launch({
    key: `heads_forward/${[normed, starts !== undefined, positions !== undefined]}`,
    groups: packed.shape[0] * slots,
    reads: {
      packed,
      rotary,
      ...(normed ? { queryNorm, keyNorm } : {}) as Record<string, tf.Tensor>,
      ...(starts ? { starts } : positions ? { positions } : {}) as Record<string, tf.Tensor>,
    },
    writes: { q, k, v },
    ints: {
      length,
      heads,
      kvHeads,
      half,
      slots,
      capacity,
      offset,
      place: cache ? offset : 0,
      sines: rotary.size / 2,
    },
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
  let table = ${
      positions ? "positions[row]" : `max(0, u.offset + t${starts ? " - starts[b]" : ""})`
    } * u.half;
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
    let c = rotary[table + i];
    let s = rotary[u.sines + table + i];
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
