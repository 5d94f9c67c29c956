import { architectures } from "./architectures/all.ts";
import { ConfigFields, type ModelJson } from "./config_fields.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { ModelFileError } from "../weights/model_file_error.ts";

export type { DecoderConfig, LayerRope, RopeScaling } from "./decoder_config.ts";

/**
 * Options of no supported family, or of its relatives, with the values that change nothing. `transformers` passes most of them over,
 * but a checkpoint that states one was trained with it.
 */
const unsupported: Record<string, unknown[]> = {
  quantization_config: [],
  compression_config: [],
  auto_map: [],
  is_encoder_decoder: [false],
  is_decoder: [true, false],
  is_causal: [true],
  add_cross_attention: [false],
  tie_encoder_decoder: [false],
  use_bidirectional_attention: [false],
  // rotary embeddings of other shapes
  partial_rotary_factor: [1],
  rotary_pct: [1],
  rope_interleaved: [false],
  use_mrope: [false],
  no_rope_layers: [],
  no_rope_layer_interval: [],
  // mixtures of experts
  num_experts: [0, 1],
  num_local_experts: [0, 1],
  n_routed_experts: [0],
  // Granite's and MiniCPM's scales
  embedding_multiplier: [1],
  residual_multiplier: [1],
  attention_multiplier: [],
  logits_scaling: [1],
  logit_scale: [1],
  scale_emb: [1],
  scale_depth: [],
  // other layers
  use_qk_norm: [false],
  qk_layernorm: [false],
  use_parallel_residual: [false],
  parallel_attn: [false],
  attention_chunk_size: [],
  num_kv_shared_layers: [0],
  hidden_size_per_layer_input: [0],
};

/**
 * Reads a Hugging Face `config.json` of either generation into a {@linkcode DecoderConfig}.
 *
 * The flat generation (`rope_theta`, `rope_local_base_freq`, `rope_scaling`, `sliding_window_pattern`) and the nested one
 * (`rope_parameters`, `layer_types`) give the same result, and so does the text half of the multimodal Gemma 3 (`text_config`).
 * Fields that are silent take the defaults of `transformers`; fields that change no logits are ignored, as there.
 *
 * @param where what to call the file in messages, mostly its path.
 * @param generation the parsed `generation_config.json`, whose end-of-sequence ids are added.
 * @throws {ModelFileError} for an unknown architecture, a wrong value, or an option that would change the result and is not supported,
 * each by name.
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseModelConfig } from "./model_config.ts";
 * const config = parseModelConfig({ model_type: "llama", num_hidden_layers: 2, eos_token_id: [2, 7] });
 * assert.deepEqual([config.layers, config.headDim, config.eosIds], [2, 128, [2, 7]]);
 * ```
 */
export function parseModelConfig(
  json: unknown,
  { where = "config.json", generation = null }: { where?: string; generation?: unknown } = {},
): DecoderConfig {
  const outer: ConfigFields = new ConfigFields(objectOf(json, where), where);
  const inner = outer.json.model_type === "gemma3" ? outer.object("text_config") : null;
  if (outer.json.model_type === "gemma3" && inner === null) outer.fail(`"text_config" is missing`);
  // The multimodal file states some things for both halves; what the text half says itself comes first.
  const fields = inner === null
    ? outer
    : new ConfigFields({ ...pick(outer.json), ...inner.json, model_type: "gemma3_text" }, inner.where);

  const type = fields.json.model_type;
  const architecture = architectures.find(({ name }) => name === type);
  if (architecture === undefined) {
    outer.fail(
      `the architecture ${JSON.stringify(type ?? null)} ("model_type") is not supported; supported: ${
        architectures.map(({ name }) => name).join(", ")
      }, and the text half of gemma3`,
    );
  }
  for (const part of new Set([outer, fields])) {
    part.refuse(unsupported);
    const classes = part.has("architectures") ? [part.json.architectures].flat() : [];
    if (
      classes.length > 0 &&
      !classes.some((name) => /(ForCausalLM|ForConditionalGeneration|Model)$/.test(`${name}`))
    ) {
      part.fail(
        `"architectures": ${
          JSON.stringify(classes)
        } is no language model; choose one that ends in ForCausalLM`,
      );
    }
  }
  const { defaults } = architecture;
  const vocabSize = fields.count("vocab_size", defaults.vocabSize);
  const eosIds = new Set(fields.ids("eos_token_id", defaults.eosIds));
  for (const id of outer.ids("eos_token_id")) eosIds.add(id);
  if (generation !== null) {
    const name = "generation_config.json";
    for (const id of new ConfigFields(objectOf(generation, name), name).ids("eos_token_id")) eosIds.add(id);
  }
  return {
    architecture: architecture.name,
    vocabSize,
    ...architecture.read(fields),
    tiedEmbeddings: fields.flag("tie_word_embeddings", defaults.tiedEmbeddings),
    bosId: fields.id("bos_token_id", defaults.bosId),
    eosIds: [...eosIds],
    padId: fields.id("pad_token_id", defaults.padId),
  };
}

/**
 * The `config.json` of a model, in the flat generation plus `layer_types`, which every release of `transformers` reads alike,
 * and vLLM and llama.cpp's converter too.
 */
export function toModelJson(config: DecoderConfig): ModelJson {
  const architecture = architectures.find(({ name }) => name === config.architecture);
  if (architecture === undefined) {
    throw new RangeError(
      `writing a config.json: the architecture ${JSON.stringify(config.architecture)} is not known; known: ${
        architectures.map(({ name }) => name).join(", ")
      }`,
    );
  }
  return {
    architectures: [architecture.transformersClass],
    model_type: architecture.name,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    rms_norm_eps: config.rmsEps,
    max_position_embeddings: config.maxPositions,
    ...architecture.write(config),
    tie_word_embeddings: config.tiedEmbeddings,
    attention_dropout: 0,
    initializer_range: 0.02,
    use_cache: true,
    bos_token_id: config.bosId,
    eos_token_id: config.eosIds.length === 1 ? config.eosIds[0] : config.eosIds,
    pad_token_id: config.padId,
    torch_dtype: "float32",
  };
}

/**
 * A `config.json` as text. Numbers that Python has as floats keep a point, `30.0`: `transformers` from 5 on refuses a whole number in
 * their place.
 */
export function modelJsonText(json: ModelJson): string {
  const floats =
    /"(rms_norm_eps|rope_theta|rope_local_base_freq|factor|low_freq_factor|high_freq_factor|attn_logit_softcapping|final_logit_softcapping|attention_dropout)": (\d+)(?=[,\n])/g;
  return `${JSON.stringify(json, null, 2).replace(floats, '"$1": $2.0')}\n`;
}

function objectOf(json: unknown, where: string): ModelJson {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new ModelFileError(
      `reading ${where}: expected a JSON object, not ${JSON.stringify(json)?.slice(0, 40)}`,
    );
  }
  return json as ModelJson;
}

function pick(json: ModelJson): ModelJson {
  const shared = ["bos_token_id", "pad_token_id", "tie_word_embeddings"];
  return Object.fromEntries(shared.filter((name) => name in json).map((name) => [name, json[name]]));
}
