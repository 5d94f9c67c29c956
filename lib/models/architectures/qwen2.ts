import { type ConfigFields, type ModelJson, ropeScalingJson } from "../config_fields.ts";
import type { DecoderConfig } from "../decoder_config.ts";
import type { Architecture, SharedFields } from "./architecture.ts";
import { noCaps, readSizes, windows } from "./sizes.ts";

const sizes = {
  hiddenSize: 4096,
  intermediateSize: 22_016,
  layers: 32,
  heads: 32,
  kvHeads: 32,
  rmsEps: 1e-6,
  maxPositions: 32_768,
};

/** Qwen 2 and 2.5: biases on queries, keys and values, no QK-norm (Qwen2 Technical Report, 2024, §2.2). */
export const qwen2: Architecture = {
  name: "qwen2",
  transformersClass: "Qwen2ForCausalLM",
  gguf: { name: "qwen2", rotaryPairs: false, read: () => ({}), write: () => ({}) },
  defaults: { vocabSize: 151_936, bosId: null, eosIds: [], padId: null, tiedEmbeddings: false },
  read: (fields) => ({ ...readQwen(fields, null), qkNorm: false, attentionBias: true, outputBias: false }),
  write: writeQwen,
};

/** What Qwen 2 and Qwen 3 share. `headDim` is what the generation assumes where `head_dim` is silent. */
export function readQwen(
  fields: ConfigFields,
  headDim: number | null,
): Omit<DecoderConfig, SharedFields | "qkNorm" | "attentionBias" | "outputBias"> {
  fields.refuse({ ...noCaps, mlp_bias: [false] });
  const read = readSizes(fields, { ...sizes, headDim });
  const use = fields.flag("use_sliding_window", false);
  const from = fields.has("max_window_layers") && fields.json.max_window_layers === 0
    ? 0
    : fields.count("max_window_layers", 28);
  const has = use && fields.json.sliding_window !== null;
  const sliding = fields.sliding(read.layers, (layer) => has && layer >= from);
  if (sliding.includes(true) && !has) {
    fields.fail(
      `"layer_types" has sliding layers, but "use_sliding_window" is off or "sliding_window" is null`,
    );
  }
  const rope = fields.rope(read.maxPositions);
  return {
    ...read,
    rmsAddOne: false,
    postNorms: false,
    activation: fields.activation("hidden_act", "silu"),
    embeddingScale: 1,
    queryScale: read.headDim ** -0.5,
    attentionSoftcap: null,
    finalSoftcap: null,
    mlpBias: false,
    layerWindows: windows(fields, sliding, 4096),
    layerRope: sliding.map(() => rope),
  };
}

/** The fields of `config.json` that Qwen 2 and Qwen 3 share. */
export function writeQwen(config: DecoderConfig): ModelJson {
  const window = config.layerWindows.find((window) => window !== null) ?? null;
  return {
    hidden_act: config.activation === "silu" ? "silu" : "gelu_pytorch_tanh",
    use_sliding_window: window !== null,
    sliding_window: window,
    max_window_layers: window === null
      ? config.layers
      : config.layerWindows.findIndex((window) => window !== null),
    layer_types: config.layerWindows.map((window) =>
      window === null ? "full_attention" : "sliding_attention"
    ),
    rope_theta: config.layerRope[0].base,
    rope_scaling: ropeScalingJson(config.layerRope[0].scaling),
  };
}
