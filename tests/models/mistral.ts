import type { Architecture } from "../../lib/models/architectures/architecture.ts";
import { readSizes, windows } from "../../lib/models/architectures/sizes.ts";
import { ropeScalingJson } from "../../lib/models/config_fields.ts";

/** Mistral 7B (arXiv 2310.06825), as someone would add it in one file: Llama with every layer sliding. */
export const mistral: Architecture = {
  name: "mistral",
  transformersClass: "MistralForCausalLM",
  defaults: { vocabSize: 32_000, bosId: 1, eosIds: [2], padId: null, tiedEmbeddings: false },
  read(fields) {
    const sizes = readSizes(fields, {
      hiddenSize: 4096,
      intermediateSize: 14_336,
      layers: 32,
      heads: 32,
      kvHeads: 8,
      headDim: null,
      rmsEps: 1e-6,
      maxPositions: 131_072,
    });
    const rope = fields.rope(sizes.maxPositions), slides = fields.json.sliding_window !== null;
    return {
      ...sizes,
      rmsAddOne: false,
      qkNorm: false,
      postNorms: false,
      activation: fields.activation("hidden_act", "silu"),
      embeddingScale: 1,
      queryScale: sizes.headDim ** -0.5,
      attentionSoftcap: null,
      finalSoftcap: null,
      attentionBias: false,
      outputBias: false,
      mlpBias: false,
      layerWindows: windows(fields, fields.sliding(sizes.layers, () => slides), 4096),
      layerRope: Array.from({ length: sizes.layers }, () => rope),
    };
  },
  write: (config) => ({
    hidden_act: config.activation === "silu" ? "silu" : "gelu_pytorch_tanh",
    sliding_window: config.layerWindows[0],
    rope_theta: config.layerRope[0].base,
    rope_scaling: ropeScalingJson(config.layerRope[0].scaling),
  }),
};
