/**
 * Root-mean-square norm on WebGPU. Stock tfjs takes six launches and five temporaries; here one forward and at most three
 * backward; decoding does a residual sum and the norms around it in one. Long rows take a workgroup each, rows shorter than 64
 * (per-head norms) an invocation each.
 */
import type { RmsNormKernels } from "../kernels.ts";
import { rmsNormForward } from "./rms_norm_forward.ts";
import { rmsNormInputGradient } from "./rms_norm_input_gradient.ts";
import { rmsNormWeightGradient } from "./rms_norm_weight_gradient.ts";

/** Root-mean-square norm of rows on WebGPU. */
export const rmsNormKernels: RmsNormKernels = {
  forward: rmsNormForward,
  backward(dy, x, weight, numbers) {
    const { dx, inverse } = rmsNormInputGradient(dy, x, weight, numbers);
    const dWeight = numbers.weightGradient ? rmsNormWeightGradient(dy, x, inverse) : null;
    inverse.dispose();
    return { dx, dWeight };
  },
};
