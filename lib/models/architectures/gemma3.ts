import { type ConfigFields, type ModelJson, ropeScalingJson } from "../config_fields.ts";
import type { DecoderConfig, LayerRope } from "../decoder_config.ts";
import type { GgufFields } from "../gguf_fields.ts";
import type { GgufEntry } from "../../weights/write_gguf.ts";
import type { Architecture } from "./architecture.ts";
import { readSizes, windows } from "./sizes.ts";

/**
 * Gemma 3 text: five sliding layers for each full one, a rotary base for each kind, RMSNorm with `1 + weight` before and after
 * attention and MLP and over the heads of queries and keys, scaled and tied embeddings (Gemma 3 Technical Report, 2025, §2).
 */
export const gemma3: Architecture = {
  name: "gemma3_text",
  transformersClass: "Gemma3ForCausalLM",
  gguf: {
    name: "gemma3",
    rotaryPairs: false,
    read: (fields) => ({
      ...gemmaGguf(fields, { layersOf27B: 62, pattern: 6 }),
      sliding_window: fields.maybe("attention.sliding_window"),
      rope_local_base_freq: fields.number("rope.freq_base_swa", 10_000),
      final_logit_softcapping: fields.maybe("final_logit_softcapping"),
    }),
    write: (config) => ({
      ...gemmaGgufKeys(config),
      "rope.freq_base_swa": {
        type: "float32",
        value: config.layerRope.find((_, i) => config.layerWindows[i] !== null)?.base ?? 10_000,
      },
    }),
  },
  defaults: { vocabSize: 262_208, bosId: 2, eosIds: [1], padId: 0, tiedEmbeddings: true },
  read(fields) {
    fields.refuse({
      mlp_bias: [false],
      // transformers keeps the field and never applies it: Gemma 3 dropped the cap for QK-norm.
      attn_logit_softcapping: [],
    });
    const sizes = readSizes(fields, {
      hiddenSize: 2304,
      intermediateSize: 9216,
      layers: 26,
      heads: 8,
      kvHeads: 4,
      headDim: 256,
      rmsEps: 1e-6,
      maxPositions: 131_072,
    });
    const pattern = fields.count("sliding_window_pattern", fields.count("_sliding_window_pattern", 6));
    const sliding = fields.sliding(sizes.layers, (layer) => (layer + 1) % pattern !== 0);
    const { full, local } = rope(fields, sizes.maxPositions);
    const bias = fields.flag("attention_bias", false);
    return {
      ...sizes,
      rmsAddOne: true,
      qkNorm: true,
      postNorms: true,
      activation: fields.activation("hidden_activation", "gelu_pytorch_tanh"),
      embeddingScale: Math.sqrt(sizes.hiddenSize),
      queryScale: fields.positive("query_pre_attn_scalar", 256) ** -0.5,
      attentionSoftcap: null,
      finalSoftcap: fields.softcap("final_logit_softcapping", null),
      attentionBias: bias,
      outputBias: bias,
      mlpBias: false,
      layerWindows: windows(fields, sliding, 4096),
      layerRope: sliding.map((is) => is ? local : full),
    };
  },
  write(config) {
    const local = config.layerRope.find((_, i) => config.layerWindows[i] !== null);
    const full = config.layerRope.find((_, i) => config.layerWindows[i] === null);
    const firstFull = config.layerWindows.indexOf(null);
    return {
      hidden_activation: config.activation === "silu" ? "silu" : "gelu_pytorch_tanh",
      query_pre_attn_scalar: scalarOf(config.queryScale),
      attention_bias: config.attentionBias,
      final_logit_softcapping: config.finalSoftcap,
      attn_logit_softcapping: null,
      sliding_window: config.layerWindows.find((window) => window !== null) ?? config.maxPositions,
      sliding_window_pattern: firstFull < 0 ? config.layers + 1 : firstFull + 1,
      layer_types: config.layerWindows.map((window) =>
        window === null ? "full_attention" : "sliding_attention"
      ),
      rope_theta: full?.base ?? 1e6,
      rope_local_base_freq: local?.base ?? 1e4,
      rope_scaling: ropeScalingJson(full?.scaling ?? null),
    };
  },
};

/** `1 / scale²`, as the whole number that it mostly is: `transformers` refuses a fraction. */
export function scalarOf(queryScale: number): number {
  const scalar = queryScale ** -2, rounded = Math.round(scalar);
  return Math.abs(scalar - rounded) < 1e-6 * rounded ? rounded : scalar;
}

/**
 * What Gemma 2 and 3 do not say in GGUF files but llama.cpp knows: the 27B models scale queries by hidden / heads, the others by the head's
 * size; one layer in `pattern` is full, unless the file lists the layers or counts otherwise.
 */
export function gemmaGguf(
  fields: GgufFields,
  { layersOf27B, pattern }: { layersOf27B: number; pattern: number },
): ModelJson {
  const layers = fields.number("block_count"), heads = fields.number("attention.head_count");
  const wide = fields.number("embedding_length") / heads;
  const listed = fields.get("attention.sliding_window_pattern");
  const every = typeof listed === "number" ? listed : pattern;
  const sliding = (layer: number) =>
    Array.isArray(listed) ? listed[layer] === true : (layer + 1) % every !== 0;
  const none = fields.get("attention.sliding_window") === undefined && fields.architecture === "gemma3";
  return {
    query_pre_attn_scalar: layers === layersOf27B ? wide : fields.number("attention.key_length", wide),
    layer_types: Array.from(
      { length: layers },
      (_, layer) => sliding(layer) && !none ? "sliding_attention" : "full_attention",
    ),
  };
}

/** The keys that Gemma 2 and 3 share; the first full layer says how many a row has. */
export function gemmaGgufKeys({ layerWindows, finalSoftcap }: DecoderConfig): Record<string, GgufEntry> {
  const window = layerWindows.find((window) => window !== null), firstFull = layerWindows.indexOf(null);
  return {
    ...(window ? { "attention.sliding_window": { type: "uint32", value: window } } : {}),
    "attention.sliding_window_pattern": {
      type: "uint32",
      value: firstFull < 0 ? layerWindows.length + 1 : firstFull + 1,
    },
    ...(finalSoftcap === null ? {} : { final_logit_softcapping: { type: "float32", value: finalSoftcap } }),
  };
}

function rope(fields: ConfigFields, maxPositions: number): { full: LayerRope; local: LayerRope } {
  const theta = fields.positive("rope_theta", 1e6), localTheta = fields.positive("rope_local_base_freq", 1e4);
  const parameters = fields.object("rope_parameters");
  if (parameters !== null && !parameters.has("full_attention") && !parameters.has("sliding_attention")) {
    parameters.fail(`expected "full_attention" and "sliding_attention"`);
  }
  const read = (name: string, base: number): LayerRope => {
    const own = parameters?.object(name) ?? null;
    return own === null
      ? { base, scaling: null }
      : { base: own.positive("rope_theta", base), scaling: own.ropeScaling(maxPositions) };
  };
  const full = read("full_attention", theta);
  // The flat generation scales the full layers only.
  const flat = fields.object("rope_scaling");
  return {
    full: flat === null ? full : { ...full, scaling: flat.ropeScaling(maxPositions) },
    local: read("sliding_attention", localTheta),
  };
}
