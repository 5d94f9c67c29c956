import type * as tf from "@tensorflow/tfjs";

/** GELU in its tanh form (Gemma) or SiLU (Llama, Qwen). */
export type Activation = "gelu_tanh" | "silu";

/**
 * A linear layer y = x·Wᵀ + bias, with an optional low-rank adapter (Hu et al. 2021, arXiv 2106.09685). `Matrix` and `Vector` are
 * tensors, or what stands for them where a decoder is read without tfjs.
 */
export interface Linear<Matrix = tf.Tensor2D, Vector = tf.Tensor1D> {
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
export interface LayerDescription<Matrix = tf.Tensor2D, Vector = tf.Tensor1D> {
  inputNorm: Vector;
  query: Linear<Matrix, Vector>;
  key: Linear<Matrix, Vector>;
  value: Linear<Matrix, Vector>;
  queryNorm?: Vector;
  keyNorm?: Vector;
  output: Linear<Matrix, Vector>;
  /** After attention, before the residual sum (Gemma). */
  postAttentionNorm?: Vector;
  mlpNorm: Vector;
  gate: Linear<Matrix, Vector>;
  up: Linear<Matrix, Vector>;
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
export interface DecoderDescription<Matrix = tf.Tensor2D, Vector = tf.Tensor1D> {
  layers: LayerDescription<Matrix, Vector>[];
  /** [vocabulary, hidden] */
  embedding: Matrix;
  /** [vocabulary, hidden]; the embedding itself where they are tied. */
  head: Matrix;
  finalNorm: Vector;
  heads: number;
  kvHeads: number;
  headDim: number;
  epsilon: number;
  /** Norms multiply by 1 + weight. */
  addOne: boolean;
  embeddingScale: number;
  /** Attention scores are multiplied by this. */
  queryScale: number;
  /** Scores become c·tanh(score/c); 0: none. */
  attentionSoftcap: number;
  /** The same of the logits. */
  finalSoftcap: number;
  activation: Activation;
  /** Whether the weights get gradients. */
  trainable: boolean;
}
