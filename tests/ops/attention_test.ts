import type * as tf from "@tensorflow/tfjs";
import { attention, attentionReference } from "../../lib/ops/attention.ts";
import { Layout } from "../../lib/ops/layout.ts";
import { normal } from "../kernels/webgpu/on_webgpu.ts";
import { type OpCase, testAgainstReference } from "./on_each_backend.ts";

interface Shape {
  lengths: number[];
  heads: number;
  kvHeads: number;
  headDim: number;
  norms?: boolean;
  /** Whether the norms get gradients. */
  trainable?: boolean;
  window?: number;
  softcap?: number;
  prefixes?: number[];
}

function own(
  {
    lengths,
    heads,
    kvHeads,
    headDim,
    norms = false,
    trainable = true,
    window = 0,
    softcap = 0,
    prefixes,
  }: Shape,
): OpCase {
  const sequences = lengths.map((length) => Array.from({ length }, (_, i) => i)),
    layout = new Layout(sequences, { prefixes }),
    half = headDim / 2;
  const positions = layout.longest;
  const angles = Float32Array.from(
    { length: positions * half },
    (_, i) => Math.floor(i / half) * 0.9 ** (i % half),
  );
  const call = (f: typeof attention) => (packed: tf.Tensor, ...others: tf.Tensor[]) => {
    const [rotary] = others.splice(-1) as tf.Tensor2D[], [queryNorm, keyNorm] = others as tf.Tensor1D[];
    return f(packed as tf.Tensor2D, {
      layout,
      heads,
      kvHeads,
      headDim,
      window,
      softcap,
      scale: headDim ** -0.5,
      epsilon: 1e-6,
      addOne: true,
      queryNorm,
      keyNorm,
      trainable,
      rotary,
    });
  };
  const weights = norms ? [normal([headDim], 13, 0.3), normal([headDim], 14, 0.3)] : [];
  const inputs = [normal([layout.rows, (heads + 2 * kvHeads) * headDim], 12), ...(trainable ? weights : [])];
  return {
    name: `lengths ${lengths}, heads ${heads}/${kvHeads} × ${headDim}, window ${window}, soft-cap ${softcap}${
      norms ? trainable ? ", norms" : ", frozen norms" : ""
    }${prefixes ? `, prefixes ${prefixes}` : ""}`,
    inputs,
    fixed: [
      ...(trainable ? [] : weights),
      {
        shape: [2 * positions, half],
        data: Float32Array.from([...angles.map(Math.cos), ...angles.map(Math.sin)]),
      },
    ],
    differences: inputs[0].data.length < 200,
    op: call(attention),
    reference: call(attentionReference),
    dispose: () => layout.dispose(),
  };
}

testAgainstReference("attention()", [
  own({ lengths: [4], heads: 2, kvHeads: 1, headDim: 4, norms: true }),
  own({ lengths: [4, 4], heads: 2, kvHeads: 1, headDim: 4, norms: true, trainable: false }),
  own({ lengths: [5, 1, 3], heads: 4, kvHeads: 2, headDim: 6, norms: true }),
  own({ lengths: [9, 4], heads: 3, kvHeads: 1, headDim: 10, window: 3 }),
  own({ lengths: [9, 4], heads: 3, kvHeads: 3, headDim: 2, window: 1 }),
  own({ lengths: [6, 2], heads: 2, kvHeads: 2, headDim: 8, softcap: 2 }),
  own({ lengths: [7, 7], heads: 4, kvHeads: 1, headDim: 4, softcap: 3, window: 5, norms: true }),
  // completions that share a prompt
  own({ lengths: [3, 2, 1], heads: 2, kvHeads: 1, headDim: 4, norms: true, prefixes: [-1, 0, 0] }),
  own({
    lengths: [4, 3, 5, 2, 6, 1],
    heads: 4,
    kvHeads: 2,
    headDim: 6,
    prefixes: [-1, 0, 0, -1, -1, 4],
    softcap: 3,
  }),
  own({ lengths: [9, 4, 7], heads: 2, kvHeads: 2, headDim: 8, window: 5, prefixes: [-1, 0, 0] }),
  own({
    lengths: [70, 75, 66],
    heads: 2,
    kvHeads: 1,
    headDim: 16,
    window: 80,
    prefixes: [-1, 0, 0],
  }),
  // past a block of 64 query rows, with and without a window
  own({ lengths: [131, 3, 65], heads: 4, kvHeads: 2, headDim: 16, norms: true }),
  own({
    lengths: [90, 64],
    heads: 2,
    kvHeads: 1,
    headDim: 32,
    window: 20,
    softcap: 5,
  }),
]);
