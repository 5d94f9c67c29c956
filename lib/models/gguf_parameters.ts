import type { GgufFile } from "../weights/gguf_file.ts";
import { ModelFileError } from "../weights/model_file_error.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { parameterNames } from "./parameter_names.ts";
import type { ParameterPlace } from "./read_weights.ts";

const whole: Record<string, string> = {
  "model.embed_tokens": "token_embd",
  "model.norm": "output_norm",
  "lm_head": "output",
};
const parts: Record<string, string> = {
  "input_layernorm": "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "self_attn.q_norm": "attn_q_norm",
  "self_attn.k_norm": "attn_k_norm",
  "pre_feedforward_layernorm": "ffn_norm",
  "post_feedforward_layernorm": "post_ffw_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

/** The name of a parameter in GGUF files: `model.layers.0.self_attn.q_proj.weight` → `blk.0.attn_q.weight`. */
export function ggufName(name: string, { postNorms }: DecoderConfig): string {
  const [, stem, end] = /^(.+)\.(weight|bias)$/.exec(name)!,
    layer = /^model\.layers\.(\d+)\.(.+)$/.exec(stem);
  if (!layer) return `${whole[stem]}.${end}`;
  const [, index, part] = layer;
  // with norms behind each half it is one of those, else the one before the MLP
  const own = part === "post_attention_layernorm"
    ? postNorms ? "post_attention_norm" : "ffn_norm"
    : parts[part];
  return `blk.${index}.${own}.${end}`;
}

/**
 * Where each parameter stands in a GGUF file, and what llama.cpp's converter did to it: with `rotaryPairs` the numbers that a rotary
 * embedding turns together stand side by side in queries and keys, where `transformers` has them half a head apart; Gemma's norms
 * are stored plus one.
 *
 * @throws {ModelFileError} when one is missing, or a tensor has no place in the decoder
 */
export function findGgufParameters(
  config: DecoderConfig,
  { files, rotaryPairs }: { files: GgufFile[]; rotaryPairs: boolean },
): Map<string, ParameterPlace> {
  const available = new Set(files.flatMap(({ tensors }) => [...tensors.keys()]));
  const places = new Map<string, ParameterPlace>(), [{ path: where }] = files;
  for (const { name, shape } of parameterNames(config)) {
    const stored = ggufName(name, config);
    if (!available.delete(stored)) {
      throw new ModelFileError(
        `loading ${where}: the tensor "${stored}" of shape [${shape}] is missing; the metadata (${config.architecture}, ${config.layers} layers) asks for it`,
      );
    }
    places.set(name, {
      stored,
      ...(rotaryPairs && /\.[qk]_proj\./.test(name) ? { rowOf: unpaired(config.headDim) } : {}),
      ...(config.rmsAddOne && name.endsWith("norm.weight") ? { add: -1 } : {}),
    });
  }
  // frequencies of the rotary embedding, which the configuration has
  available.delete("rope_freqs.weight");
  const [stray] = available;
  if (stray !== undefined) {
    throw new ModelFileError(
      `loading ${where}: the tensor "${stray}" has no place in a ${config.architecture} decoder of ${config.layers} layers as the metadata describes it; leaving it out would change the result`,
    );
  }
  return places;
}

/** Pairs side by side → half a head apart: row 2i + j of a head is row i + j · headDim/2. */
export function unpaired(headDim: number): (row: number) => number {
  return (row) => {
    const within = row % headDim;
    return row - within + (within >> 1) + (within & 1) * headDim / 2;
  };
}
