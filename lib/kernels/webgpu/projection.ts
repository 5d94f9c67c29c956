/**
 * Linear layers of one input side by side on WebGPU, with LoRA: each writes its own columns of the result and takes its
 * own columns of the gradient, so that nothing is concatenated, split or merged. However many layers share the input, one
 * launch forward (three with LoRA, two of few rows), one for dx backward (four with LoRA), and one for each trained matrix.
 */
import type { ProjectionKernels } from "../kernels.ts";
import { projectionBackward } from "./projection_backward.ts";
import { projectionForward } from "./projection_forward.ts";

/** Linear layers of one input on WebGPU. */
export const projectionKernels: ProjectionKernels = {
  forward: (x, linears) => projectionForward(x, linears),
  backward: projectionBackward,
};
