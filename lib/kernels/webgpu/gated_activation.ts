/**
 * The gated MLP's middle on WebGPU: one launch forward and one backward instead of about ten each. gate and up lie
 * side by side in one tensor, so that the product before needs no split and its gradient no concatenation.
 */
import type { GatedActivationKernels } from "../kernels.ts";
import { gatedActivationBackward } from "./gated_activation_backward.ts";
import { gatedActivationForward } from "./gated_activation_forward.ts";

/** The gated MLP's middle on WebGPU. */
export const gatedActivationKernels: GatedActivationKernels = {
  forward: gatedActivationForward,
  backward: gatedActivationBackward,
};
