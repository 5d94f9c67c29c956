import * as tf from "@tensorflow/tfjs";
import { cpuEngine } from "../kernels/cpu/engine.ts";
import { attentionBackward, attentionForward } from "../kernels/webgpu/attention.ts";
import { headsBackward, headsForward } from "../kernels/webgpu/heads.ts";
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
  /** Rotary tables [positions, headDim/2]. */
  cos: tf.Tensor2D;
  sin: tf.Tensor2D;
}

const split = (packed: tf.Tensor2D, { heads, kvHeads, headDim }: AttentionOptions) =>
  tf.split(packed, [heads * headDim, kvHeads * headDim, kvHeads * headDim], 1) as tf.Tensor2D[];

function normHeads(
  x: tf.Tensor2D,
  weight: tf.Tensor1D | undefined,
  { headDim, epsilon, addOne }: AttentionOptions,
): tf.Tensor2D {
  return weight ? rmsNorm(x.reshape([-1, headDim]), weight, { epsilon, addOne }).reshape(x.shape) : x;
}

/** {@linkcode attention} in tfjs-core operations, one sequence after the other. */
export function attentionReference(packed: tf.Tensor2D, options: AttentionOptions): tf.Tensor2D {
  const { layout, heads, kvHeads, headDim, scale, softcap = 0, window = 0, cos, sin } = options,
    half = headDim / 2;
  return tf.tidy(() => {
    const [q, k, v] = split(packed, options);
    const positions = tf.tensor1d(layout.positions, "int32");
    const rotate = (x: tf.Tensor2D, count: number) => {
      const rows = x.reshape([-1, count, headDim]), [a, b] = tf.split(rows, 2, 2);
      const c = tf.gather(cos, positions).reshape([-1, 1, half]),
        s = tf.gather(sin, positions).reshape([-1, 1, half]);
      return tf.concat(
        [tf.sub(tf.mul(a, c), tf.mul(b, s)), tf.add(tf.mul(b, c), tf.mul(a, s))],
        2,
      ) as tf.Tensor3D;
    };
    const queries = rotate(normHeads(q, options.queryNorm, options), heads),
      keys = rotate(normHeads(k, options.keyNorm, options), kvHeads);
    const values = v.reshape([-1, kvHeads, headDim]) as tf.Tensor3D, parts: tf.Tensor2D[] = [];
    let end = 0;
    for (let i = 0; i < layout.starts.length; i++) {
      const start = layout.starts[i], n = layout.lengths[i], prefix = layout.prefixes[i];
      const before = prefix < 0 ? 0 : layout.lengths[prefix], seen = before + n;
      const mask = tf.tidy(() => {
        const row = tf.range(before, seen).reshape([n, 1]),
          col = tf.range(0, seen).reshape([1, seen]),
          distance = tf.sub(row, col);
        const visible = window
          ? tf.logicalAnd(tf.greaterEqual(distance, 0), tf.less(distance, window))
          : tf.greaterEqual(distance, 0);
        return tf.where(visible, tf.zerosLike(distance), tf.fill([n, seen], -1e9)) as tf.Tensor2D;
      });
      const outputs = Array.from({ length: heads }, (_, h) => {
        const kv = Math.floor(h * kvHeads / heads),
          rows = (x: tf.Tensor3D, from: number, count: number, index: number) =>
            x.slice([from, index, 0], [count, 1, headDim]).reshape([count, headDim]) as tf.Tensor2D,
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
      if (start > end) parts.push(tf.zeros([start - end, heads * headDim]));
      parts.push(tf.concat(outputs, 1));
      end = start + n;
    }
    if (packed.shape[0] > end) parts.push(tf.zeros([packed.shape[0] - end, heads * headDim]));
    return tf.concat(parts, 0) as tf.Tensor2D;
  });
}

/**
 * Causal grouped-query attention with rotary positions: per-head norm of queries and keys, rotation, soft-capped and
 * windowed softmax, weighted values, in one operation (Ainslie et al. 2023, arXiv 2305.13245; Su et al. 2021, arXiv
 * 2104.09864). The backward pass computes the probabilities again block by block: no [length × length] tensor is kept.
 *
 * packed [rows, (heads + 2·kvHeads)·headDim] holds queries, keys and values side by side, sequences as `layout` says
 * → [rows, heads·headDim]. Rows outside every sequence have no meaning.
 */
export function attention(packed: tf.Tensor2D, options: AttentionOptions): tf.Tensor2D {
  const engine = cpuEngine();
  if (engine) return onCpu(engine, packed, options);
  return tf.getBackend() === "webgpu" ? onGpu(packed, options) : attentionReference(packed, options);
}

function onCpu(
  engine: NonNullable<ReturnType<typeof cpuEngine>>,
  packed: tf.Tensor2D,
  options: AttentionOptions,
): tf.Tensor2D {
  const { layout, heads, kvHeads, headDim, scale, softcap = 0, window = 0, epsilon, addOne, cos, sin } =
    options;
  const rows = packed.shape[0],
    wide = packed.shape[1],
    rotatedWide = (heads + kvHeads) * headDim,
    outWide = heads * headDim;
  const one = addOne ? 1 : 0, { starts, lengths, positions, prefixes, families } = layout.tensors();
  const at = (tensor?: tf.Tensor) => tensor ? engine.at(tensor) : 0;
  const shape = [at(starts), at(lengths), layout.starts.length, heads, kvHeads, headDim, window];
  const shared = [at(prefixes), at(families), layout.families.length - 1];
  const pairs = layout.starts.length * kvHeads, work = layout.longest * rows * headDim;
  const chunks = work < 1 << 14 ? 1 : Math.min(pairs, engine.threads * 4),
    rowChunks = engine.chunks(rows, rotatedWide);
  const { queryNorm, keyNorm, trainable = true } = options;
  const rotation = [queryNorm, keyNorm, cos, sin, positions].map(at).concat(rows, heads, kvHeads, headDim);
  const norms = queryNorm && keyNorm && trainable ? [queryNorm, keyNorm] : [];
  const op = tf.customGrad((...inputs) => {
    const save = inputs.pop() as unknown as tf.GradSaveFunc, packed = inputs[0] as tf.Tensor;
    const rotated = engine.output([rows, rotatedWide]), out = engine.output<tf.Tensor2D>([rows, outWide]);
    engine.run(
      "qkForward",
      [at(packed), wide, at(rotated), rotatedWide, ...rotation],
      [epsilon, one],
      rowChunks,
    );
    engine.run("attentionForward", [at(packed), at(rotated), at(out), ...shape, 0, 0, 0, ...shared], [
      scale,
      softcap,
    ], chunks);
    save([packed, rotated]);
    return {
      value: out,
      gradFunc: (dOut, [packed, rotated]) => {
        const dPacked = engine.output([rows, wide]), dRotated = engine.output([rows, rotatedWide]);
        // rows outside every sequence get no gradient from attention, but the norm's sums read them
        if (layout.padded) {
          engine.kernels.fill(at(dPacked), rows * wide, 0);
          engine.kernels.fill(at(dRotated), rows * rotatedWide, 0);
        }
        engine.run(
          "attentionBackward",
          [at(packed), at(rotated), 0, ...shape, at(dPacked), at(dRotated), at(dOut), ...shared],
          [scale, softcap],
          Math.min(chunks, (layout.families.length - 1) * kvHeads),
        );
        const partials = engine.scratch(rowChunks * 2 * headDim * 4);
        engine.run(
          "qkBackward",
          [at(packed), wide, at(dRotated), rotatedWide, at(dPacked), ...rotation, partials],
          [epsilon, one],
          rowChunks,
        );
        dRotated.dispose();
        if (norms.length === 0) return [dPacked];
        const sums = engine.output([2, headDim]);
        engine.reduce(partials, rowChunks, 2 * headDim, at(sums));
        const [dq, dk] = tf.unstack(sums);
        sums.dispose();
        return [dPacked, dq, dk];
      },
    };
  });
  return op(packed, ...norms) as tf.Tensor2D;
}

function onGpu(packed: tf.Tensor2D, options: AttentionOptions): tf.Tensor2D {
  const {
    layout,
    heads,
    kvHeads,
    headDim,
    scale,
    softcap = 0,
    window = 0,
    epsilon,
    addOne,
    cos,
    sin,
    queryNorm,
    keyNorm,
    trainable = true,
  } = options;
  const plan = {
    batch: layout.starts.length,
    heads,
    kvHeads,
    headDim,
    epsilon,
    addOne,
    cos,
    sin,
    queryNorm,
    keyNorm,
    trainable,
  };
  const numbers = { scale, window, softcap }, rows = packed.shape[0];
  const op = tf.customGrad((...inputs) => {
    const save = inputs.pop() as unknown as tf.GradSaveFunc, packed = inputs[0] as tf.Tensor2D;
    const { q, k, v } = headsForward(packed, plan),
      { out, logSumExp } = attentionForward(q, k, v, null, numbers);
    save([packed, q, k, v, out, logSumExp]);
    return {
      value: out.reshape([rows, heads * headDim]),
      gradFunc: (dOut, saved) => {
        const [q, k, v, out] = saved.slice(1) as tf.Tensor4D[], dy = dOut.reshape(out.shape) as tf.Tensor4D;
        const { dq, dk, dv } = attentionBackward(dy, q, k, v, out, saved[5] as tf.Tensor3D, null, numbers);
        const { dpacked, dqueryNorm, dkeyNorm } = headsBackward(
          { q: dq, k: dk, v: dv },
          saved[0] as tf.Tensor2D,
          plan,
        );
        return dqueryNorm && dkeyNorm ? [dpacked, dqueryNorm, dkeyNorm] : [dpacked];
      },
    };
  });
  return (queryNorm && keyNorm && trainable ? op(packed, queryNorm, keyNorm) : op(packed)) as tf.Tensor2D;
}
