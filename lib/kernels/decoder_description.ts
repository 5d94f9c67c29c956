import type { Tensor1D, Tensor2D } from "../backend/tensors.ts";

/** GELU in its tanh form (Gemma) or SiLU (Llama, Qwen). */
export type Activation = "gelu_tanh" | "silu";

/**
 * A linear layer y = x·Wᵀ + bias, with an optional low-rank adapter (Hu et al. 2021, arXiv 2106.09685). `Matrix` and `Vector` are
 * tensors, or what stands for them where a decoder is read without tfjs.
 */
export interface Linear<Matrix = Tensor2D, Vector = Tensor1D> {
  /** [out, in], Hugging Face's layout. */
  weight: Matrix;
  /** [out] */
  bias?: Vector;
  /** Whether the weight and the bias get gradients; frozen ones cost nothing in the backward pass. */
  trainable: boolean;
  /** y += scale · (x·Aᵀ)·Bᵀ; a [rank, in], b [out, rank]. `dropout` is for `projectWithDropout` alone. */
  lora?: { a: Matrix; b: Matrix; scale: number; dropout?: number };
}

/** One decoder layer's parts by their role; a norm that the architecture lacks is absent. */
export interface LayerDescription<Matrix = Tensor2D, Vector = Tensor1D> {
  /** RMSNorm before the attention, [width]. */
  inputNorm: Vector;
  /** Projection of the queries. */
  query: Linear<Matrix, Vector>;
  /** Projection of the keys. */
  key: Linear<Matrix, Vector>;
  /** Projection of the values. */
  value: Linear<Matrix, Vector>;
  /** RMSNorm of each head's query, [headDim]. */
  queryNorm?: Vector;
  /** RMSNorm of each head's key, [headDim]. */
  keyNorm?: Vector;
  /** Projection of the attended values back to the width. */
  output: Linear<Matrix, Vector>;
  /** After attention, before the residual sum (Gemma). */
  postAttentionNorm?: Vector;
  /** RMSNorm before the MLP, [width]. */
  mlpNorm: Vector;
  /** Projection that is activated and gates `up`. */
  gate: Linear<Matrix, Vector>;
  /** Projection to the MLP's width. */
  up: Linear<Matrix, Vector>;
  /** Projection back to the width. */
  down: Linear<Matrix, Vector>;
  /** After the MLP, before the residual sum (Gemma). */
  postMlpNorm?: Vector;
  /** Rotary table [2·positions, headDim/2]: the cosines, below them the sines. */
  rotary: Matrix;
  /** Sliding window in tokens; 0: all. */
  window: number;
}

/**
 * A decoder as its forward pass needs it: training, sampling on the CPU and sampling on a GPU read the same one. It holds what the
 * decoder owns and is good until a weight, an adapter or a rotary table of it is replaced.
 */
export interface DecoderDescription<Matrix = Tensor2D, Vector = Tensor1D> {
  /** From the first to the last. */
  layers: LayerDescription<Matrix, Vector>[];
  /** [vocabulary, hidden] */
  embedding: Matrix;
  /** [vocabulary, hidden]; the embedding itself where they are tied. */
  head: Matrix;
  /** RMSNorm before the head, [width]. */
  finalNorm: Vector;
  /** Query heads. */
  heads: number;
  /** Key and value heads, which query heads share in groups. */
  kvHeads: number;
  /** Width of a head. */
  headDim: number;
  /** Added to the mean square in every RMSNorm. */
  epsilon: number;
  /** Norms multiply by 1 + weight. */
  addOne: boolean;
  /** What embeddings are multiplied by. */
  embeddingScale: number;
  /** Attention scores are multiplied by this. */
  queryScale: number;
  /** Scores become c·tanh(score/c); 0: none. */
  attentionSoftcap: number;
  /** The same of the logits. */
  finalSoftcap: number;
  /** The MLP's activation. */
  activation: Activation;
  /** Whether the weights get gradients. */
  trainable: boolean;
}
