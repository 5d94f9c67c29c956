import * as tf from "@tensorflow/tfjs";
import { headsBackward } from "../../../lib/kernels/webgpu/heads_backward.ts";
import { headsForward } from "../../../lib/kernels/webgpu/heads_forward.ts";
import type { HeadsNumbers } from "../../../lib/kernels/webgpu/heads_plan.ts";
import {
  assertClose,
  gradientsOf,
  integers,
  normal,
  testWithAndWithoutSubgroups,
  type Values,
  valuesOn,
} from "./on_webgpu.ts";

const batch = 2, heads = 4, kvHeads = 2;

/** Cosines, below them sines. */
function table(positions: number, half: number): Values {
  const { data } = normal([positions, half], 9), angles = [...data];
  return {
    shape: [2 * positions, half],
    data: Float32Array.from([...angles.map(Math.cos), ...angles.map(Math.sin)]),
  };
}

for (
  const { headDim, length, normed } of [{ headDim: 6, length: 5, normed: true }, {
    headDim: 132,
    length: 9,
    normed: true,
  }, { headDim: 8, length: 3, normed: false }]
) {
  testWithAndWithoutSubgroups(
    `headsForward() and headsBackward() agree with split, norm and rope for heads of ${headDim}, normed ${normed}`,
    async () => {
      const widths = [heads, kvHeads, kvHeads].map((count) => count * headDim);
      const packed = normal([batch * length, widths[0] + widths[1] + widths[2]], 1),
        dpacked = normal(packed.shape, 2);
      const inputs = [
        packed,
        dpacked,
        normal([headDim], 3),
        normal([headDim], 4),
        table(length, headDim / 2),
      ];
      const numbers = { epsilon: 1e-5, addOne: true };
      const reference = (packed: tf.Tensor2D, norms: tf.Tensor1D[], rotary: tf.Tensor2D) => {
        const [q, k, v] = tf.split(packed, widths, 1).map((x) => tf.reshape(x, [batch, length, -1, headDim]));
        const turned = [q, k].map((x, i) => {
          const scale = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), numbers.epsilon));
          const y = normed ? tf.mul(tf.mul(x, scale), tf.add(norms[i], 1)) : x, [a, b] = tf.split(y, 2, 3);
          const [c, s] = tf.split(rotary, 2, 0).map((part) => tf.reshape(part, [1, length, 1, headDim / 2]));
          return tf.concat([tf.sub(tf.mul(a, c), tf.mul(b, s)), tf.add(tf.mul(b, c), tf.mul(a, s))], 3);
        });
        return [...turned, v];
      };
      const expected = await valuesOn("cpu", inputs, (packed, dpacked, queryNorm, keyNorm, rotary) => {
        const flat = (packed: tf.Tensor2D, q: tf.Tensor1D, k: tf.Tensor1D) =>
          tf.concat(reference(packed, [q, k], rotary).map((x) => tf.reshape(x, [batch * length, -1])), 1);
        const gradients = normed
          ? gradientsOf(flat, [packed, queryNorm, keyNorm], dpacked)
          : gradientsOf((packed) => flat(packed, queryNorm, keyNorm), [packed], dpacked);
        return [...reference(packed, [queryNorm, keyNorm], rotary), ...gradients];
      });
      const actual = await valuesOn("webgpu", inputs, (packed, dpacked, queryNorm, keyNorm, rotary) => {
        const plan: HeadsNumbers = {
          batch,
          heads,
          kvHeads,
          headDim,
          rotary,
          ...numbers,
          ...(normed ? { queryNorm, keyNorm } : {}),
        };
        const { q, k, v } = headsForward(packed, plan);
        const [dq, dk, dv] = tf.split(dpacked, widths, 1).map((x, i) =>
          tf.reshape(x, [batch, length, i ? kvHeads : heads, headDim]) as tf.Tensor4D
        );
        const { dpacked: result, dqueryNorm, dkeyNorm } = headsBackward(
          { q: dq, k: dk, v: dv },
          packed,
          plan,
        );
        return [q, k, v, result, ...(dqueryNorm && dkeyNorm ? [dqueryNorm, dkeyNorm] : [])];
      });
      assertClose(actual, expected, 2e-5);
    },
  );
}

testWithAndWithoutSubgroups(
  "headsForward() writes keys and values into the cache, at positions counted from each row's start",
  async () => {
    const headDim = 4, capacity = 6, offset = 3, starts = [0, 2];
    const packed = normal([batch, (heads + 2 * kvHeads) * headDim], 1),
      cache = normal([batch, capacity, kvHeads, headDim], 2);
    const inputs = [packed, cache, cache, table(8, headDim / 2), integers(starts)];
    const actual = await valuesOn("webgpu", inputs, (packed, keys, values, rotary, starts) => {
      const numbers = { batch, heads, kvHeads, headDim, epsilon: 0, addOne: false, rotary, offset, starts };
      const { q } = headsForward(packed, numbers, { keys, values });
      return [q, keys, values];
    });
    const [, , , rotary] = inputs,
      expected = [
        new Float32Array(batch * heads * headDim),
        cache.data.slice(),
        cache.data.slice(),
      ] as Float32Array[];
    for (let b = 0; b < batch; b++) {
      for (let slot = 0; slot < heads + 2 * kvHeads; slot++) {
        const x = packed.data.subarray((b * 8 + slot) * headDim, (b * 8 + slot + 1) * headDim),
          position = offset - starts[b];
        const turned = Array.from(x, (value, i) => {
          const at = position * 2 + i % 2, other = x[(i + 2) % 4];
          return value * rotary.data[at] + (i < 2 ? -1 : 1) * other * rotary.data[16 + at];
        });
        if (slot < heads) expected[0].set(turned, (b * heads + slot) * headDim);
        else if (slot < heads + kvHeads) {
          expected[1].set(turned, ((b * capacity + offset) * kvHeads + slot - heads) * headDim);
        } else expected[2].set(x, ((b * capacity + offset) * kvHeads + slot - heads - kvHeads) * headDim);
      }
    }
    assertClose(actual, expected, 1e-6);
  },
);
