import type { DecoderConfig } from "../../lib/models/decoder_config.ts";
import { parseModelConfig } from "../../lib/models/model_config.ts";

/** Shapes of published models, as their `config.json` says them. */
export const shapes = {
  /** None that was published: to see in a second that everything runs. */
  tiny: {
    model_type: "llama",
    vocab_size: 512,
    hidden_size: 64,
    intermediate_size: 128,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    max_position_embeddings: 256,
    rope_theta: 10_000,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
    pad_token_id: 0,
  },
  /** HuggingFaceTB/SmolLM2-135M-Instruct */
  smollm2: {
    model_type: "llama",
    vocab_size: 49_152,
    hidden_size: 576,
    intermediate_size: 1536,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    max_position_embeddings: 8192,
    rope_theta: 100_000,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
    pad_token_id: 0,
  },
  /** google/gemma-3-1b-it */
  gemma_1b: {
    model_type: "gemma3_text",
    vocab_size: 262_144,
    hidden_size: 1152,
    intermediate_size: 6912,
    num_hidden_layers: 26,
    num_attention_heads: 4,
    num_key_value_heads: 1,
    head_dim: 256,
    query_pre_attn_scalar: 256,
    sliding_window: 512,
  },
  /** Qwen/Qwen3-4B */
  qwen_4b: {
    model_type: "qwen3",
    vocab_size: 151_936,
    hidden_size: 2560,
    intermediate_size: 9728,
    num_hidden_layers: 36,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    head_dim: 128,
    rope_theta: 1_000_000,
    max_position_embeddings: 40_960,
    tie_word_embeddings: true,
  },
} as const;

/** The name of a shape. */
export type Shape = keyof typeof shapes;

/** A shape's configuration, with no token that ends a completion: every one is as long as it may be. */
export function shapeConfig(shape: Shape): DecoderConfig {
  return { ...parseModelConfig(shapes[shape]), eosIds: [] };
}
