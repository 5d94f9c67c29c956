import type * as tf from "@tensorflow/tfjs";
import { checkDevice } from "../backend/webgpu_device.ts";
import { decode, type DecoderTensors } from "../kernels/webgpu/decode.ts";
import type { Decoder } from "../models/decoder.ts";
import {
  rowSeed,
  type SampledTokens,
  type SamplingOptions,
  type SamplingSettings,
} from "./sampling_options.ts";

/** The decoder as `kernels/webgpu/decode.ts` takes it, for sequences of at most `capacity` tokens. */
export function decoderTensors(decoder: Decoder, capacity: number): DecoderTensors {
  const { config } = decoder;
  return {
    layers: Array.from({ length: config.layers }, (_, index) => decoder.layer(index, capacity)),
    embedding: decoder.embeddings,
    head: decoder.head,
    finalNorm: decoder.weight<tf.Tensor1D>("model.norm.weight"),
    heads: config.heads,
    kvHeads: config.kvHeads,
    headDim: config.headDim,
    epsilon: config.rmsEps,
    addOne: config.rmsAddOne,
    embeddingScale: config.embeddingScale,
    queryScale: config.queryScale,
    attentionSoftcap: config.attentionSoftcap ?? 0,
    finalSoftcap: config.finalSoftcap ?? 0,
    activation: config.activation,
  };
}

/** Samples on webgpu; see `kernels/webgpu/decode.ts`. Prompts are those from `firstPrompt` on of a larger list. */
export async function generateOnGpu(
  decoder: Decoder,
  prompts: readonly (readonly number[])[],
  firstPrompt: number,
  settings: SamplingSettings,
  { onTokens, signal, onProgress }: SamplingOptions,
): Promise<SampledTokens[]> {
  const { n, maxTokens, seed, eosIds } = settings;
  const capacity = Math.max(...prompts.map((prompt) => prompt.length)) + maxTokens;
  const seeds = Int32Array.from(
    { length: prompts.length * n },
    (_, row) => rowSeed(seed, firstPrompt * n + row) | 0,
  );
  const drawn = await decode(decoderTensors(decoder, capacity), prompts, {
    ...settings,
    seeds,
    stop: onTokens &&
      ((tokens, logprobs, row) => onTokens(tokens.slice(), logprobs.slice(), firstPrompt * n + row) === true),
    signal,
    onProgress,
    tokensBetweenLooks: settings.lookEvery,
  });
  checkDevice();
  return drawn.map((completion, row) => ({
    ...completion,
    prompt: firstPrompt + Math.floor(row / n),
    ended: eosIds.includes(completion.tokens.at(-1)!),
  }));
}
