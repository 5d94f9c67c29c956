/** How rotary frequencies are stretched for long contexts; `null` leaves them as they are. */
export type RopeScaling =
  | null
  /** Every frequency divided by `factor`. */
  | { type: "linear"; factor: number }
  /** Llama 3.1: low frequencies divided by `factor`, high ones kept, a smooth ramp in between. */
  | {
    type: "llama3";
    factor: number;
    lowFreqFactor: number;
    highFreqFactor: number;
    originalMaxPositions: number;
  };

/** The rotary position embedding of one layer: frequencies `base^(-2i/headDim)`, then scaled. */
export interface LayerRope {
  /** θ of the rotary frequencies. */
  base: number;
  /** How frequencies are stretched beyond the length trained on. */
  scaling: RopeScaling;
}

/**
 * A decoder-only transformer described by data: everything that the forward pass needs to know, whatever the family.
 *
 * `parseModelConfig` makes it from a `config.json`; adding a family means one more file (see `registerArchitecture`).
 */
export interface DecoderConfig {
  /** Its name in `model_type` of `config.json`: `gemma3_text`, `gemma2`, `qwen3`, `qwen2`, `llama`, or a registered one. */
  architecture: string;
  /** Tokens in the vocabulary. */
  vocabSize: number;
  /** Width of the residual stream. */
  hiddenSize: number;
  /** Width of the MLP. */
  intermediateSize: number;
  /** Number of layers. */
  layers: number;
  /** Query heads a layer. */
  heads: number;
  /** Heads of keys and values; `heads / kvHeads` query heads share one. */
  kvHeads: number;
  /** Width of a head. */
  headDim: number;
  /** Added to the mean square in every RMSNorm. */
  rmsEps: number;
  /** Gemma multiplies by `1 + weight`, the others by `weight`. */
  rmsAddOne: boolean;
  /** RMSNorm over each head of queries and keys before the rotation. */
  qkNorm: boolean;
  /** Gemma's four norms a layer: also after attention and after the MLP, before the residual sum. */
  postNorms: boolean;
  /** The MLP's activation. */
  activation: "gelu_tanh" | "silu";
  /** Embeddings are multiplied by this: √hiddenSize for Gemma, else 1. */
  embeddingScale: number;
  /** Attention scores are multiplied by this: `headDim ** -0.5` or `query_pre_attn_scalar ** -0.5`. */
  queryScale: number;
  /** `softcap · tanh(score / softcap)` before the mask. */
  attentionSoftcap: number | null;
  /** The same on the logits. */
  finalSoftcap: number | null;
  /** The output head is the embedding matrix. */
  tiedEmbeddings: boolean;
  /** Biases of the query, key and value projections. */
  attentionBias: boolean;
  /** Bias of the attention's output projection. */
  outputBias: boolean;
  /** Biases of the three MLP projections. */
  mlpBias: boolean;
  /** Per layer: how many positions a token sees, itself included; `null` for all before it. */
  layerWindows: (number | null)[];
  /** Per layer. */
  layerRope: LayerRope[];
  /** Longest sequence that it was made for, in tokens. */
  maxPositions: number;
  /** Token that begins a text. */
  bosId: number | null;
  /** Every id that ends a completion, from `config.json` and `generation_config.json`. */
  eosIds: number[];
  /** Token that fills up. */
  padId: number | null;
}
