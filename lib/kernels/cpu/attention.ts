import * as tf from "@tensorflow/tfjs";
import type { AttentionKernels, AttentionNumbers } from "../kernels.ts";
import type { CpuEngine } from "./engine.ts";

/** Causal attention on the CPU, block by block of queries: no [length × length] tensor is kept. */
export function attentionKernels(engine: CpuEngine): AttentionKernels {
  const at = (tensor?: tf.Tensor) => tensor ? engine.at(tensor) : 0;
  /** Arguments that the tasks of both passes share, and how they are cut. */
  const plan = (rows: number, numbers: AttentionNumbers) => {
    const { layout, heads, kvHeads, headDim, window, queryNorm, keyNorm, rotary } = numbers;
    const { starts, lengths, positions, prefixes, families } = layout.tensors(),
      familyCount = layout.families.length - 1;
    const pairs = layout.starts.length * kvHeads, work = layout.longest * rows * headDim;
    const rotatedWidth = (heads + kvHeads) * headDim;
    return {
      width: (heads + 2 * kvHeads) * headDim,
      rotatedWidth,
      shape: [at(starts), at(lengths), layout.starts.length, heads, kvHeads, headDim, window],
      shared: [at(prefixes), at(families), familyCount],
      familyCount,
      rotation: [
        at(queryNorm),
        at(keyNorm),
        at(rotary),
        at(rotary) + rotary.shape[0] * headDim,
        at(positions),
      ].concat(rows, heads, kvHeads, headDim),
      chunks: work < 1 << 14 ? 1 : Math.min(pairs, engine.threads * 4),
      rowChunks: engine.chunks(rows, rotatedWidth),
    };
  };
  return {
    forward(packed, numbers) {
      const rows = packed.shape[0], { heads, headDim, epsilon, addOne, scale, softcap } = numbers;
      const { width, rotatedWidth, shape, shared, rotation, chunks, rowChunks } = plan(rows, numbers);
      const rotated = engine.output([rows, rotatedWidth]),
        out = engine.output<tf.Tensor2D>([rows, heads * headDim]);
      engine.run(
        "qkForward",
        [at(packed), width, at(rotated), rotatedWidth, ...rotation],
        [epsilon, addOne ? 1 : 0],
        rowChunks,
      );
      engine.run(
        "attentionForward",
        [at(packed), at(rotated), at(out), ...shape, 0, 0, 0, ...shared],
        [scale, softcap],
        chunks,
      );
      return { out, saved: [rotated] };
    },
    backward(dOut, packed, [rotated], numbers) {
      const rows = packed.shape[0],
        { kvHeads, headDim, epsilon, addOne, scale, softcap, queryNorm, keyNorm, trainable } = numbers;
      const { width, rotatedWidth, shape, shared, familyCount, rotation, chunks, rowChunks } = plan(
        rows,
        numbers,
      );
      const dPacked = engine.output<tf.Tensor2D>([rows, width]),
        dRotated = engine.output([rows, rotatedWidth]);
      engine.run(
        "attentionBackward",
        [at(packed), at(rotated), 0, ...shape, at(dPacked), at(dRotated), at(dOut), ...shared],
        [scale, softcap],
        Math.min(chunks, familyCount * kvHeads),
      );
      const partials = engine.scratch(rowChunks * 2 * headDim * 4);
      engine.run(
        "qkBackward",
        [at(packed), width, at(dRotated), rotatedWidth, at(dPacked), ...rotation, partials],
        [epsilon, addOne ? 1 : 0],
        rowChunks,
      );
      dRotated.dispose();
      if (!queryNorm || !keyNorm || !trainable) return { dPacked, norms: null };
      const sums = engine.output([2, headDim]);
      engine.reduce(partials, rowChunks, 2 * headDim, at(sums));
      const norms = tf.unstack(sums) as [tf.Tensor1D, tf.Tensor1D];
      sums.dispose();
      return { dPacked, norms };
    },
  };
}
