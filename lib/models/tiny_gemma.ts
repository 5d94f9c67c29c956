import type { DecoderConfig } from "./decoder_config.ts";

/**
 * The shape of the embedded model: Gemma 3 with 1.1 M parameters, three layers of four seeing 64 tokens back and the last one
 * all.
 */
export function tinyGemmaConfig(vocabSize: number): DecoderConfig {
  const layers = 4, rope = { base: 10000, scaling: null };
  return {
    architecture: "gemma3_text",
    vocabSize,
    hiddenSize: 128,
    intermediateSize: 512,
    layers,
    heads: 4,
    kvHeads: 2,
    headDim: 32,
    rmsEps: 1e-6,
    rmsAddOne: true,
    qkNorm: true,
    postNorms: true,
    activation: "gelu_tanh",
    embeddingScale: Math.sqrt(128),
    queryScale: 32 ** -0.5,
    attentionSoftcap: null,
    finalSoftcap: null,
    tiedEmbeddings: true,
    attentionBias: false,
    outputBias: false,
    mlpBias: false,
    layerWindows: Array.from({ length: layers }, (_, i) => i % 4 === 3 ? null : 64),
    layerRope: Array.from({ length: layers }, () => rope),
    maxPositions: 512,
    bosId: 2,
    eosIds: [1, 5],
    padId: 0,
  };
}
