import * as tf from "@tensorflow/tfjs";
import { checkDevice } from "../../backend/webgpu_device.ts";
import type { AttentionNumbers, Kernels } from "../kernels.ts";
import { adamwStep } from "./adamw.ts";
import { squaredNorms } from "./squared_norms.ts";
import { attentionBackward, attentionForward } from "./attention.ts";
import { decode } from "./decode.ts";
import { embeddingBackward, embeddingForward } from "./embedding.ts";
import { gatedBackward, gatedForward } from "./gated_activation.ts";
import { headsBackward } from "./heads_backward.ts";
import { headsForward } from "./heads_forward.ts";
import { projectBackward, projectForward } from "./projection.ts";
import { rmsNormBackward } from "./rms_norm_backward.ts";
import { rmsNormForward } from "./rms_norm_forward.ts";
import { tokenLogprobsBackward, tokenLogprobsForward } from "./token_logprobs.ts";

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

/** All operations on WebGPU, on tensors of the backend `webgpu`. */
export const webgpuKernels: Kernels = {
  embedding: { forward: embeddingForward, backward: embeddingBackward },
  rmsNorm: {
    forward: (x, weight, numbers) => rmsNormForward(x, weight, numbers).y,
    backward(dy, x, weight, numbers) {
      const { dx, dw } = rmsNormBackward(dy, x, weight, numbers);
      return { dx, dWeight: dw as tf.Tensor1D | null };
    },
  },
  gatedActivation: { forward: gatedForward, backward: gatedBackward },
  projection: { forward: (x, linears) => projectForward(x, linears), backward: projectBackward },
  attention: {
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
  },
  tokenLogprobs: {
    forward(hidden, table, targets, { temperature, softcap }) {
      const { logprob, logSumExp, entropy, argmaxMatches } = tokenLogprobsForward(hidden, table, targets, {
        temperature,
        softcap,
      });
      return { logprobs: logprob, logSumExp, entropy, hits: argmaxMatches };
    },
    backward(dy, inputs, numbers) {
      const { dhidden, dtable } = tokenLogprobsBackward(dy, inputs, numbers);
      return { dHidden: dhidden, dTable: dtable ?? null };
    },
  },
  adamw: {
    step(parameter, gradient, { m, v }, { learningRate, gradientScale, ...numbers }) {
      adamwStep(parameter, gradient, m, v, { ...numbers, lr: learningRate, gradScale: gradientScale });
    },
    async squaredNorm(gradients) {
      const total = squaredNorms(gradients), [value] = await total.data();
      total.dispose();
      return value;
    },
  },
  addInto(sum, more) {
    const total = tf.add(sum, more);
    sum.dispose();
    return total;
  },
  async decode(model, prompts, numbers) {
    const drawn = await decode(model, prompts, numbers);
    checkDevice();
    return drawn;
  },
};
