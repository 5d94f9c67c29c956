import { ropeScalingJson } from "../config_fields.ts";
import type { Architecture } from "./architecture.ts";
import { gemmaGguf, gemmaGgufKeys, scalarOf } from "./gemma3.ts";
import { readSizes, windows } from "./sizes.ts";

/**
 * Gemma 2: every other layer sliding, soft caps on attention scores and logits, a query scale of its own, four norms a layer
 * (Gemma 2 Technical Report, 2024, §2).
 */
export const gemma2: Architecture = {
  name: "gemma2",
  transformersClass: "Gemma2ForCausalLM",
  gguf: {
    name: "gemma2",
    rotaryPairs: false,
    read: (fields) => ({
      ...gemmaGguf(fields, { layersOf27B: 46, pattern: 2 }),
      sliding_window: fields.number("attention.sliding_window", 4096),
      attn_logit_softcapping: fields.number("attn_logit_softcapping", 50),
      final_logit_softcapping: fields.number("final_logit_softcapping", 30),
    }),
    write: (config) => ({
      ...gemmaGgufKeys(config),
      attn_logit_softcapping: { type: "float32", value: config.attentionSoftcap ?? 0 },
    }),
  },
  defaults: { vocabSize: 256_000, bosId: 2, eosIds: [1], padId: 0, tiedEmbeddings: true },
  read(fields) {
    fields.refuse({ mlp_bias: [false] });
    const sizes = readSizes(fields, {
      hiddenSize: 2304,
      intermediateSize: 9216,
      layers: 26,
      heads: 8,
      kvHeads: 4,
      headDim: 256,
      rmsEps: 1e-6,
      maxPositions: 8192,
    });
    const sliding = fields.sliding(sizes.layers, (layer) => layer % 2 === 0);
    const rope = fields.rope(sizes.maxPositions), bias = fields.flag("attention_bias", false);
    return {
      ...sizes,
      rmsAddOne: true,
      qkNorm: false,
      postNorms: true,
      activation: fields.activation("hidden_activation", "gelu_pytorch_tanh"),
      embeddingScale: Math.sqrt(sizes.hiddenSize),
      queryScale: fields.positive("query_pre_attn_scalar", 256) ** -0.5,
      attentionSoftcap: fields.softcap("attn_logit_softcapping", 50),
      finalSoftcap: fields.softcap("final_logit_softcapping", 30),
      attentionBias: bias,
      outputBias: bias,
      mlpBias: false,
      layerWindows: windows(fields, sliding, 4096),
      layerRope: sliding.map(() => rope),
    };
  },
  write(config) {
    return {
      hidden_activation: config.activation === "silu" ? "silu" : "gelu_pytorch_tanh",
      query_pre_attn_scalar: scalarOf(config.queryScale),
      attention_bias: config.attentionBias,
      attn_logit_softcapping: config.attentionSoftcap,
      final_logit_softcapping: config.finalSoftcap,
      sliding_window: config.layerWindows.find((window) => window !== null) ?? config.maxPositions,
      layer_types: config.layerWindows.map((window) =>
        window === null ? "full_attention" : "sliding_attention"
      ),
      rope_theta: config.layerRope[0].base,
      rope_scaling: ropeScalingJson(config.layerRope[0].scaling),
    };
  },
};
