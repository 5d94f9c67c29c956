import type { AdamwKernels } from "../kernels.ts";
import { adamwStep } from "./adamw_step.ts";
import { squaredNorms } from "./squared_norms.ts";

/** The optimizer's passes on WebGPU. */
export const adamwKernels: AdamwKernels = {
  step: adamwStep,
  async squaredNorm(gradients) {
    const total = squaredNorms(gradients), [value] = await total.data();
    total.dispose();
    return value;
  },
};
