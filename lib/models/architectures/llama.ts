import { ropeScalingJson } from "../config_fields.ts";
import type { Architecture } from "./architecture.ts";
import { noCaps, readSizes } from "./sizes.ts";

/** Llama 2 and 3, SmolLM2 and their kin: plain pre-norm decoder, optional llama3 rotary scaling (Llama 3 Herd, 2024, §3.2). */
export const llama: Architecture = {
  name: "llama",
  transformersClass: "LlamaForCausalLM",
  gguf: {
    name: "llama",
    rotaryPairs: true,
    read: () => ({}),
    write: ({ vocabSize, headDim }) => ({
      vocab_size: { type: "uint32", value: vocabSize },
      "rope.dimension_count": { type: "uint32", value: headDim },
    }),
  },
  defaults: { vocabSize: 32_000, bosId: 1, eosIds: [2], padId: null, tiedEmbeddings: false },
  read(fields) {
    fields.refuse({ ...noCaps, use_sliding_window: [false] });
    if (fields.sliding(fields.count("num_hidden_layers", 32), () => false).includes(true)) {
      fields.fail(`"layer_types" has sliding layers, which a Llama does not have`);
    }
    const sizes = readSizes(fields, {
      hiddenSize: 4096,
      intermediateSize: 11_008,
      layers: 32,
      heads: 32,
      kvHeads: null,
      headDim: null,
      rmsEps: 1e-6,
      maxPositions: 2048,
    });
    const rope = fields.rope(sizes.maxPositions), bias = fields.flag("attention_bias", false);
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
      attentionBias: bias,
      outputBias: bias,
      mlpBias: fields.flag("mlp_bias", false),
      layerWindows: Array.from({ length: sizes.layers }, () => null),
      layerRope: Array.from({ length: sizes.layers }, () => rope),
    };
  },
  write: (config) => ({
    hidden_act: config.activation === "silu" ? "silu" : "gelu_pytorch_tanh",
    attention_bias: config.attentionBias,
    mlp_bias: config.mlpBias,
    rope_theta: config.layerRope[0].base,
    rope_scaling: ropeScalingJson(config.layerRope[0].scaling),
  }),
};
