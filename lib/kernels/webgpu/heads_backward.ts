import type * as tf from "@tensorflow/tfjs-core";
import { addLines } from "./add_lines.ts";
import type { Heads, HeadsNumbers } from "./heads_plan.ts";
import { launch, output } from "./program.ts";
import { workgroupTotal } from "./workgroup_total.ts";

/** The gradients of `headsForward` without a cache, given those of its results; norms' where there are any. */
export function headsBackward(
  { q: dq, k: dk, v: dv }: Heads,
  packed: tf.Tensor2D,
  numbers: HeadsNumbers,
): { dpacked: tf.Tensor2D; dqueryNorm?: tf.Tensor1D; dkeyNorm?: tf.Tensor1D } {
  const {
    batch,
    heads,
    kvHeads,
    headDim,
    queryNorm,
    keyNorm,
    trainable = true,
    epsilon,
    addOne,
    rotary,
    positions,
  } = numbers;
  const rows = packed.shape[0], dpacked = output<tf.Tensor2D>(packed.shape);
  const side = (dy: tf.Tensor4D, count: number, first: number, norm?: tf.Tensor1D, values?: tf.Tensor4D) => {
    const parts = Math.ceil(rows * count / 64),
      shares = norm && trainable ? output([rows * count * headDim]) : undefined;
    const inside = count + (values ? count : 0);
    launch({
      key: `heads_backward/${[
        norm !== undefined,
        shares !== undefined,
        values !== undefined,
        positions !== undefined,
      ]}`,
      groups: rows * inside,
      reads: {
        dy,
        rotary,
        ...(norm ? { packed, norm } : {}) as Record<string, tf.Tensor>,
        ...(values ? { values } : {}) as Record<string, tf.Tensor>,
        ...(positions ? { positions } : {}) as Record<string, tf.Tensor>,
      },
      writes: { dpacked, ...(shares ? { shares } : {}) as Record<string, tf.Tensor> },
      ints: {
        length: rows / batch,
        count,
        inside,
        first,
        slots: heads + 2 * kvHeads,
        half: headDim / 2,
        sines: rotary.size / 2,
      },
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
  let table = ${positions ? "positions[row]" : "row % u.length"} * u.half;
  ${
        norm
          ? `
  var own = 0.0;
  var product = 0.0;
  for (var i = lane; i < u.half; i += 64) {
    let c = rotary[table + i];
    let s = rotary[u.sines + table + i];
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
    let c = rotary[table + i];
    let s = rotary[u.sines + table + i];
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
