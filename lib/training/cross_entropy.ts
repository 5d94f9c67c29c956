import type { TokenLoss, TokenValues } from "./backward.ts";

/**
 * The loss of supervised learning, −Σ log p / tokens, of one pass of a batch that has `tokens` completion tokens in all.
 *
 * @example
 * ```ts ignore
 * const tokens = batch.reduce((sum, { completion }) => sum + completion.length, 0);
 * const { gradients } = await accumulate(decoder, batch, () => crossEntropy(tokens));
 * ```
 */
export function crossEntropy(tokens: number): (values: Pick<TokenValues, "logprobs">) => TokenLoss {
  return ({ logprobs }) => ({
    loss: -logprobs.reduce((sum, x) => sum + x, 0) / tokens,
    gradient: new Float32Array(logprobs.length).fill(-1 / tokens),
  });
}
