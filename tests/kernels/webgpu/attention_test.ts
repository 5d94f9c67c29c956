import * as tf from "@tensorflow/tfjs";
import { attentionBackward } from "../../../lib/kernels/webgpu/attention_backward.ts";
import { attentionForward } from "../../../lib/kernels/webgpu/attention_forward.ts";
import type { AttentionNumbers } from "../../../lib/kernels/webgpu/attention_plan.ts";
import { assertClose, gradientsOf, integers, normal, testOnWebgpu, valuesOn } from "./on_webgpu.ts";

interface Case extends Omit<AttentionNumbers, "queryOffset"> {
  queryOffset?: number;
  title: string;
  batch: number;
  length: number;
  keys?: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  starts?: number[];
}

const cases: Case[] = [
  { title: "one head, odd head size", batch: 1, length: 5, heads: 1, kvHeads: 1, headDim: 6, scale: 0.4 },
  {
    title: "grouped queries past one block of keys",
    batch: 2,
    length: 67,
    heads: 4,
    kvHeads: 2,
    headDim: 8,
    scale: 0.35,
  },
  {
    title: "a sliding window past one block",
    batch: 1,
    length: 75,
    heads: 2,
    kvHeads: 1,
    headDim: 12,
    scale: 0.3,
    window: 66,
  },
  { title: "a short window", batch: 2, length: 21, heads: 3, kvHeads: 1, headDim: 4, scale: 0.5, window: 3 },
  {
    title: "soft-capped scores",
    batch: 1,
    length: 11,
    heads: 2,
    kvHeads: 2,
    headDim: 16,
    scale: 0.9,
    softcap: 2,
  },
  {
    title: "heads of 132, two columns a lane",
    batch: 1,
    length: 9,
    heads: 2,
    kvHeads: 1,
    headDim: 132,
    scale: 0.1,
  },
  {
    title: "left-padded prompts",
    batch: 2,
    length: 9,
    heads: 2,
    kvHeads: 1,
    headDim: 8,
    scale: 0.4,
    starts: [0, 4],
  },
  {
    title: "decoding behind a cache",
    batch: 2,
    length: 1,
    keys: 70,
    heads: 4,
    kvHeads: 1,
    headDim: 8,
    scale: 0.4,
    queryOffset: 67,
  },
  {
    title: "keys split over workgroups, more than a row of them",
    batch: 2,
    length: 2,
    keys: 600,
    heads: 2,
    kvHeads: 1,
    headDim: 8,
    scale: 0.4,
    queryOffset: 590,
    starts: [0, 400],
  },
  {
    title: "keys split over workgroups, soft-capped, a window on the last of them",
    batch: 1,
    length: 1,
    keys: 700,
    heads: 4,
    kvHeads: 2,
    headDim: 12,
    scale: 0.4,
    softcap: 3,
    window: 300,
    queryOffset: 650,
  },
  {
    title: "heads of 256, past one tile of rows and of keys, a window and a soft-cap",
    batch: 1,
    length: 70,
    heads: 2,
    kvHeads: 1,
    headDim: 256,
    scale: 0.06,
    softcap: 4,
    window: 40,
  },
  {
    title: "heads of 70, which fill no vector, past one tile, left-padded",
    batch: 2,
    length: 68,
    heads: 2,
    kvHeads: 2,
    headDim: 70,
    scale: 0.12,
    starts: [3, 66],
  },
  {
    title: "many queries behind a cache",
    batch: 2,
    length: 40,
    keys: 150,
    heads: 6,
    kvHeads: 2,
    headDim: 20,
    scale: 0.3,
    queryOffset: 90,
    starts: [0, 100],
  },
];

function reference(
  { length, heads, kvHeads, scale, window = 0, softcap = 0, queryOffset = 0, starts, ...shape }: Case,
) {
  const keys = shape.keys ?? length, share = heads / kvHeads;
  const mask = tf.tensor(
    Array.from(
      { length: shape.batch },
      (_, b) => [Array.from({ length }, (_, t) =>
        Array.from({ length: keys }, (_, j) => {
          const i = t + queryOffset;
          return j <= i && (!window || j > i - window) && j >= (starts?.[b] ?? 0) ? 0 : -1e9;
        }))],
    ),
  );
  // heads repeated: products with a broadcast batch have no gradient in tfjs-core, and neither has a split in one
  const grouped = (x: tf.Tensor4D) => {
    const byHead = tf.transpose(x, [0, 2, 1, 3]),
      parts = kvHeads === 1 ? [byHead] : tf.split(byHead, kvHeads, 1);
    return tf.concat(parts.flatMap((part) => Array(share).fill(part)), 1);
  };
  return (q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D) => {
    let scores = tf.mul(tf.matMul(tf.transpose(q, [0, 2, 1, 3]), grouped(k), false, true), scale);
    if (softcap) scores = tf.mul(tf.tanh(tf.div(scores, softcap)), softcap);
    const masked = tf.add(scores, mask), seen = tf.cast(tf.greater(tf.max(mask, -1, true), -1), "float32");
    return tf.transpose(tf.mul(tf.matMul(tf.softmax(masked), grouped(v)), seen), [0, 2, 1, 3]);
  };
}

for (const one of cases) {
  testOnWebgpu(`attentionForward() and attentionBackward() agree with tfjs-core: ${one.title}`, async () => {
    const { batch, length, keys = length, heads, kvHeads, headDim, starts } = one;
    const q = normal([batch, length, heads, headDim], 1), dy = normal([batch, length, heads, headDim], 4);
    const k = normal([batch, keys, kvHeads, headDim], 2), v = normal([batch, keys, kvHeads, headDim], 3);
    const expected = await valuesOn("cpu", [q, k, v, dy], (q, k, v, dy) => {
      const f = reference(one);
      return [f(q, k, v), ...gradientsOf(f, [q, k, v], dy)];
    });
    const actual = await valuesOn("webgpu", [q, k, v, dy, integers(starts ?? [0])], (q, k, v, dy, first) => {
      const from = starts ? first : null, { out, logSumExp } = attentionForward(q, k, v, from, one);
      const { dq, dk, dv } = attentionBackward(dy, q, k, v, out, logSumExp, from, one);
      return [out, dq, dk, dv];
    });
    assertClose(actual, expected);
  });
}
