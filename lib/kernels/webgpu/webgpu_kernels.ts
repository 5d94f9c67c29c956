import * as tf from "@tensorflow/tfjs";
import { checkDevice } from "../../backend/webgpu_device.ts";
import type { Kernels } from "../kernels.ts";
import { adamwKernels } from "./adamw.ts";
import { attentionKernels } from "./attention.ts";
import { decode } from "./decode.ts";
import { embeddingKernels } from "./embedding.ts";
import { gatedActivationKernels } from "./gated_activation.ts";
import { projectionKernels } from "./projection.ts";
import { rmsNormKernels } from "./rms_norm.ts";
import { tokenLogprobsKernels } from "./token_logprobs.ts";

/** All operations on WebGPU, on tensors of the backend `webgpu`. */
export const webgpuKernels: Kernels = {
  embedding: embeddingKernels,
  rmsNorm: rmsNormKernels,
  gatedActivation: gatedActivationKernels,
  projection: projectionKernels,
  attention: attentionKernels,
  tokenLogprobs: tokenLogprobsKernels,
  adamw: adamwKernels,
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
