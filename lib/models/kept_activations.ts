import type { DecoderConfig } from "./decoder_config.ts";

/**
 * Numbers of a token that a layer keeps for its backward pass: what goes into its norms, its linear layers, its attention and its
 * activation. Gradients come and go layer by layer; only the widest one's are there at once.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseModelConfig } from "./model_config.ts";
 * const config = parseModelConfig({ model_type: "llama", hidden_size: 64, intermediate_size: 128, num_attention_heads: 4 });
 * assert.equal(keptActivations(config), 4 * 64 + 6 * 64 + 3 * 128);
 * ```
 */
export function keptActivations(config: DecoderConfig): number {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim, postNorms } = config;
  const attention = (heads + 2 * kvHeads) + (heads + kvHeads) + heads; // packed, rotated, attended
  return (postNorms ? 6 : 4) * hiddenSize + attention * headDim + 3 * intermediateSize;
}
