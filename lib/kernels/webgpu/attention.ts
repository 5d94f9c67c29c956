/**
 * Causal grouped-query attention on WebGPU with a streaming softmax (Dao et al. 2022, arXiv 2205.14135): no [T × T]
 * tensor exists, forward or backward. One launch forward, three backward, all sums in a fixed order; each kernel has a file.
 */
import * as tf from "@tensorflow/tfjs-core";
import type { AttentionKernels, AttentionNumbers } from "../kernels.ts";
import { attentionBackward } from "./attention_backward.ts";
import { attentionForward } from "./attention_forward.ts";
import { headsBackward } from "./heads_backward.ts";
import { headsForward } from "./heads_forward.ts";

const headsOf = ({ layout, ...numbers }: AttentionNumbers) => ({
  ...numbers,
  batch: 1,
  positions: layout.tensors().positions,
});
const scoresOf = ({ layout, scale, window, softcap }: AttentionNumbers) => ({
  scale,
  window,
  softcap,
  packed: { spans: layout.tensors().spans, longest: layout.longest },
});

/** Attention on WebGPU: heads split, normed and rotated, scores and values streamed. */
export const attentionKernels: AttentionKernels = {
  forward(packed, numbers) {
    const { heads, headDim } = numbers;
    const { q, k, v } = headsForward(packed, headsOf(numbers)),
      { out, logSumExp } = attentionForward(q, k, v, null, scoresOf(numbers));
    return { out: tf.reshape(out, [packed.shape[0], heads * headDim]), saved: [q, k, v, out, logSumExp] };
  },
  backward(dOut, packed, saved, numbers) {
    const [q, k, v, out] = saved as tf.Tensor4D[];
    const dy = tf.reshape(dOut, out.shape) as tf.Tensor4D;
    const { dq, dk, dv } = attentionBackward(
      dy,
      q,
      k,
      v,
      out,
      saved[4] as tf.Tensor3D,
      null,
      scoresOf(numbers),
    );
    const { dpacked, dqueryNorm, dkeyNorm } = headsBackward(
      { q: dq, k: dk, v: dv },
      packed,
      headsOf(numbers),
    );
    return { dPacked: dpacked, norms: dqueryNorm && dkeyNorm ? [dqueryNorm, dkeyNorm] : null };
  },
};
