import type { TokenLoss, TokenValues } from "./backward.ts";

/**
 * The loss of supervised learning, −Σ log p / tokens, of one pass of a batch that has `tokens` completion tokens in all.
 *
 * @example
 * ```ts
 * import { accumulate, crossEntropy, disposeGradients, loadModel } from "../../mod.ts";
 * const { decoder } = await loadModel("data/models/tiny-gemma"), batch = [{ prompt: [2, 10, 11], completion: [12, 1] }];
 * const { gradients } = await accumulate(decoder, batch, () => crossEntropy(2)); // of two tokens
 * disposeGradients(gradients);
 * ```
 */
export function crossEntropy(tokens: number): (values: Pick<TokenValues, "logprobs">) => TokenLoss {
  return ({ logprobs }) => ({
    loss: -logprobs.reduce((sum, x) => sum + x, 0) / tokens,
    gradient: new Float32Array(logprobs.length).fill(-1 / tokens),
  });
}
