/**
 * Log-probabilities of chosen tokens straight from hidden states on WebGPU. The [rows × vocabulary] logits exist only a
 * chunk of the vocabulary at a time: each chunk is a tiled product into one scratch matrix, folded into a running maximum
 * and sums. Two launches a chunk forward, three or four backward. Chunks of the table are bound by their place in its buffer,
 * so that a table over the adapter's binding limit (128 MB on some) works too.
 */
import type { TokenLogprobsKernels } from "../kernels.ts";
import { tokenLogprobsBackward } from "./token_logprobs_backward.ts";
import { tokenLogprobsForward } from "./token_logprobs_forward.ts";

/** Log-probabilities of tokens on WebGPU. */
export const tokenLogprobsKernels: TokenLogprobsKernels = {
  forward: tokenLogprobsForward,
  backward: tokenLogprobsBackward,
};
