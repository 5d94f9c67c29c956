import * as tf from "@tensorflow/tfjs";
import { device } from "../kernels/device.ts";
import { differentiable } from "./differentiable.ts";
import { rmsNorm } from "./rms_norm.ts";
import type { Layout } from "./layout.ts";

/** What an attention layer is, apart from its input. */
export interface AttentionOptions {
  layout: Layout;
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Scores are multiplied by this, usually 1/√headDim. */
  scale: number;
  /** Scores become c·tanh(score/c) (Gemma 2); 0: none. @default 0 */
  softcap?: number;
  /** A query sees the last `window` keys, itself included; 0: all. @default 0 */
  window?: number;
  /** Per-head norms of queries and keys [headDim] (Gemma 3, Qwen3). */
  queryNorm?: tf.Tensor1D;
  keyNorm?: tf.Tensor1D;
  /** Whether they get gradients. @default true */
  trainable?: boolean;
  epsilon: number;
  addOne: boolean;
  /** Rotary table [2·positions, headDim/2]: the cosines, below them the sines. */
  rotary: tf.Tensor2D;
}

const split = (packed: tf.Tensor2D, { heads, kvHeads, headDim }: AttentionOptions) =>
  tf.split(packed, [heads * headDim, kvHeads * headDim, kvHeads * headDim], 1) as tf.Tensor2D[];

function normHeads(
  x: tf.Tensor2D,
  weight: tf.Tensor1D | undefined,
  { headDim, epsilon, addOne }: AttentionOptions,
): tf.Tensor2D {
  return weight ? tf.reshape(rmsNorm(tf.reshape(x, [-1, headDim]), weight, { epsilon, addOne }), x.shape) : x;
}

/** {@linkcode attention} in tfjs-core operations, one sequence after the other. */
export function attentionReference(packed: tf.Tensor2D, options: AttentionOptions): tf.Tensor2D {
  const { layout, heads, kvHeads, headDim, scale, softcap = 0, window = 0, rotary } = options,
    half = headDim / 2;
  return tf.tidy(() => {
    const [q, k, v] = split(packed, options);
    const positions = tf.tensor1d(layout.positions, "int32"), [cos, sin] = tf.split(rotary, 2);
    const rotate = (x: tf.Tensor2D, count: number) => {
      const rows = tf.reshape(x, [-1, count, headDim]), [a, b] = tf.split(rows, 2, 2);
      const c = tf.reshape(tf.gather(cos, positions), [-1, 1, half]),
        s = tf.reshape(tf.gather(sin, positions), [-1, 1, half]);
      return tf.concat(
        [tf.sub(tf.mul(a, c), tf.mul(b, s)), tf.add(tf.mul(b, c), tf.mul(a, s))],
        2,
      ) as tf.Tensor3D;
    };
    const queries = rotate(normHeads(q, options.queryNorm, options), heads),
      keys = rotate(normHeads(k, options.keyNorm, options), kvHeads);
    const values = tf.reshape(v, [-1, kvHeads, headDim]) as tf.Tensor3D, parts: tf.Tensor2D[] = [];
    for (let i = 0; i < layout.starts.length; i++) {
      const start = layout.starts[i], n = layout.lengths[i], prefix = layout.prefixes[i];
      const before = prefix < 0 ? 0 : layout.lengths[prefix], seen = before + n;
      const mask = tf.tidy(() => {
        const row = tf.reshape(tf.range(before, seen), [n, 1]),
          col = tf.reshape(tf.range(0, seen), [1, seen]),
          distance = tf.sub(row, col);
        const visible = window
          ? tf.logicalAnd(tf.greaterEqual(distance, 0), tf.less(distance, window))
          : tf.greaterEqual(distance, 0);
        return tf.where(visible, tf.zerosLike(distance), tf.fill([n, seen], -1e9)) as tf.Tensor2D;
      });
      const outputs = Array.from({ length: heads }, (_, h) => {
        const kv = Math.floor(h * kvHeads / heads),
          rows = (x: tf.Tensor3D, from: number, count: number, index: number) =>
            tf.reshape(tf.slice(x, [from, index, 0], [count, 1, headDim]), [count, headDim]) as tf.Tensor2D,
          own = (x: tf.Tensor3D) =>
            before
              ? tf.concat([rows(x, layout.starts[prefix], before, kv), rows(x, start, n, kv)])
              : rows(x, start, n, kv);
        let scores = tf.mul(
          tf.matMul(rows(queries, start, n, h), own(keys), false, true),
          scale,
        ) as tf.Tensor2D;
        if (softcap) scores = tf.mul(tf.tanh(tf.div(scores, softcap)), softcap);
        return tf.matMul(tf.softmax(tf.add(scores, mask) as tf.Tensor2D), own(values)) as tf.Tensor2D;
      });
      parts.push(tf.concat(outputs, 1));
    }
    return tf.concat(parts, 0) as tf.Tensor2D;
  });
}

/**
 * Causal grouped-query attention with rotary positions: per-head norm of queries and keys, rotation, soft-capped and
 * windowed softmax, weighted values, in one operation (Ainslie et al. 2023, arXiv 2305.13245; Su et al. 2021, arXiv
 * 2104.09864). The backward pass computes the probabilities again block by block: no [length × length] tensor is kept.
 *
 * packed [rows, (heads + 2·kvHeads)·headDim] holds queries, keys and values side by side, sequences as `layout` says
 * → [rows, heads·headDim].
 */
export function attention(packed: tf.Tensor2D, options: AttentionOptions): tf.Tensor2D {
  const { kernels } = device();
  if (!kernels) return attentionReference(packed, options);
  const { forward, backward } = kernels.attention, { queryNorm, keyNorm, trainable = true } = options;
  const numbers = { ...options, softcap: options.softcap ?? 0, window: options.window ?? 0, trainable };
  const norms = queryNorm && keyNorm && trainable ? [queryNorm, keyNorm] : [];
  return differentiable([packed, ...norms], () => {
    const { out, saved } = forward(packed, numbers);
    return {
      value: out,
      saved: [packed, ...saved],
      gradients: (dOut, [packed, ...saved]) => {
        const { dPacked, norms } = backward(dOut, packed as tf.Tensor2D, saved, numbers);
        return [dPacked, ...(norms ?? [])];
      },
    };
  });
}
