import { halvesTensor } from "../../../lib/kernels/stored_form.ts";
import { Decoder } from "../../../lib/models/decoder.ts";
import type { DecoderConfig } from "../../../lib/models/decoder_config.ts";
import { initialWeights } from "../../../lib/models/initial_weights.ts";
import { packHalf } from "../../../lib/weights/pack_half.ts";

/** A decoder small enough for a software adapter, with all of Gemma 3's parts. */
export const tinyConfig: DecoderConfig = {
  architecture: "gemma3_text",
  vocabSize: 70,
  hiddenSize: 24,
  intermediateSize: 40,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  rmsEps: 1e-6,
  rmsAddOne: true,
  qkNorm: true,
  postNorms: true,
  activation: "gelu_tanh",
  embeddingScale: Math.sqrt(24),
  queryScale: 8 ** -0.5,
  attentionSoftcap: null,
  finalSoftcap: null,
  tiedEmbeddings: true,
  attentionBias: false,
  outputBias: false,
  mlpBias: false,
  layerWindows: [4, null],
  layerRope: [{ base: 10_000, scaling: null }, { base: 1_000_000, scaling: null }],
  maxPositions: 64,
  bosId: null,
  eosIds: [1],
  padId: 0,
};

/** Without Gemma's extra norms, with biases, soft-capping and a head of its own: the other branches. */
export const plainConfig: DecoderConfig = {
  ...tinyConfig,
  architecture: "qwen2",
  rmsAddOne: false,
  qkNorm: false,
  postNorms: false,
  activation: "silu",
  embeddingScale: 1,
  attentionSoftcap: 5,
  finalSoftcap: 6,
  tiedEmbeddings: false,
  attentionBias: true,
  layerWindows: [null, null],
};

/** On the active backend; weights large enough that tokens matter. */
export function tinyDecoder(config: DecoderConfig): Decoder {
  return new Decoder(config, initialWeights(config, { seed: 7, standardDeviation: 0.2 }));
}

/** The same base with its matrices in float16. */
export async function halved(decoder: Decoder): Promise<Decoder> {
  const weights = await Promise.all(decoder.names.map(async (name): Promise<WeightGiven> => {
    const shape = decoder.shape(name), data = (await decoder.values(name)).slice();
    return [
      name,
      shape.length === 2
        ? halvesTensor(packHalf(data, name), shape as [number, number], "float16")
        : { shape, data },
    ];
  }));
  return new Decoder(decoder.config, weights);
}
type WeightGiven = ConstructorParameters<typeof Decoder>[1] extends Iterable<infer Given> ? Given : never;
