import type { Tokenizer } from "../text/tokenizer.ts";
import { CausalLM } from "./causal_lm.ts";
import { Decoder } from "./decoder.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { initialWeights } from "./initial_weights.ts";

/** Options of {@linkcode createModel}. */
export interface CreateModelOptions {
  /** What turns text into token ids and back. */
  tokenizer: Tokenizer;
  /** Seeds the weights. @default 0 */
  seed?: number;
  /** Standard deviation of the matrices' entries. @default 0.02 */
  standardDeviation?: number;
  /** The directory that holds the tokenizer's files, copied when the model is saved. */
  directory?: string;
}

/** A model with random weights, for pre-training: matrices are normal, norms start as the identity, biases at zero. */
export function createModel(
  config: DecoderConfig,
  { tokenizer, seed = 0, standardDeviation = 0.02, directory }: CreateModelOptions,
): CausalLM {
  const make = () => new Decoder(config, initialWeights(config, { seed, standardDeviation }));
  return new CausalLM({
    decoder: make(),
    again: () => Promise.resolve(make()),
    tokenizer,
    source: "created",
    directory: directory ?? null,
  });
}
