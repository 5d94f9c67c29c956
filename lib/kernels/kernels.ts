/**
 * What `lib/ops` and sampling ask of a device. `cpu/` and `webgpu/` implement it, a file an operation; where there are no kernels
 * (tfjs's other backends) an operation computes by its reference in tfjs-core.
 */
import type { Tensor, Tensor1D, Tensor2D } from "../backend/tensors.ts";
import type { Activation, DecoderDescription, Linear } from "./decoder_description.ts";

/** A device, and what it wants of those who use it. */
export interface Device {
  /** `null`: operations compute by their references. */
  readonly kernels: Kernels | null;
  /** Whether a tensor can be read without waiting (`dataSync`). */
  readonly synchronousReads: boolean;
  /** How products read frozen matrices of 16 bits best; `null`: not at all. */
  readonly halves: "float16" | "bfloat16" | null;
  /** Whether products and embeddings read frozen matrices as `quantisedTensor` makes them. */
  readonly quantisedMatrices: boolean;
  /** Tokens that should go through a model at once in training. */
  readonly tokensAtOnce: number;
  /** As many as that after passes of fewer fitted into memory. */
  readonly mostTokensAtOnce: number;
  /** Bytes of activations that a pass should keep for its backward pass at most. */
  readonly bytesAtOnce: number;
  /** The largest tensor, in bytes. */
  readonly largestTensor: number;
  /** The most of a tensor that a kernel reads or writes at once, in bytes. */
  readonly largestBinding: number;
  /** Bytes of keys and values that sampling should hold at once. */
  readonly cacheAtOnce: number;
  /** As many as that after batches of fewer fitted into memory. */
  readonly mostCacheAtOnce: number;
  /** Bytes that tensors may still take; Infinity where that is not known. */
  readonly memoryLeft: number;
  /** Bytes that frozen weights may still take beside that; `null` where they are tensors like others. */
  readonly weightsLeft: number | null;
  /**
   * What `work` comes to, with the bytes that it took at its height beyond those before; `null` where that is not known: then every
   * pass is made so, and fails alone where memory ends.
   */
  measure<T>(work: () => Promise<T>): Promise<{ value: T; bytes: number | null }>;
}

/** Every operation that is ours, forward and backward. Results are the caller's. */
export interface Kernels {
  embedding: EmbeddingKernels;
  rmsNorm: RmsNormKernels;
  gatedActivation: GatedActivationKernels;
  projection: ProjectionKernels;
  attention: AttentionKernels;
  tokenLogprobs: TokenLogprobsKernels;
  adamw: AdamwKernels;
  /** sum + more, in the place of `sum`, which it takes over. */
  addInto(sum: Tensor, more: Tensor): Tensor;
  /** Draws `n` completions of each prompt. Leaves no tensor behind. */
  decode(
    model: DecoderDescription,
    prompts: readonly (readonly number[])[],
    numbers: DecodeNumbers,
  ): Promise<DecodedTokens[]>;
}

/** y = scale · table[ids]. */
export interface EmbeddingKernels {
  /** ids int32 [rows], table [entries, width] → [rows, width] */
  forward(ids: Tensor1D, table: Tensor2D, scale: number): Tensor2D;
  /** dy [rows, width] → [entries, width], added up in the order of the rows. */
  backward(dy: Tensor2D, ids: Tensor1D, entries: number, scale: number): Tensor2D;
}

/** Numbers of a root-mean-square norm. */
export interface RmsNormNumbers {
  epsilon: number;
  /** Multiply by 1 + w instead of w. */
  addOne: boolean;
  /** [rows, width], added after the norm. */
  residual?: Tensor2D;
  /** Whether the backward pass gives the weight's gradient. */
  weightGradient: boolean;
}

/** y = residual + x / √(mean(x²) + ε) · w. */
export interface RmsNormKernels {
  /** x [rows, width], weight [width] → [rows, width] */
  forward(x: Tensor2D, weight: Tensor1D, numbers: RmsNormNumbers): Tensor2D;
  backward(
    dy: Tensor2D,
    x: Tensor2D,
    weight: Tensor1D,
    numbers: RmsNormNumbers,
  ): { dx: Tensor2D; dWeight: Tensor1D | null };
}

/** y = act(gate) · up; x [rows, 2·width] holds gate and up side by side. */
export interface GatedActivationKernels {
  forward(x: Tensor2D, activation: Activation): Tensor2D;
  backward(dy: Tensor2D, x: Tensor2D, activation: Activation): Tensor2D;
}

/** Gradients of one linear layer; absent where none is wanted. */
export interface LinearGradients {
  weight?: Tensor2D;
  bias?: Tensor1D;
  a?: Tensor2D;
  b?: Tensor2D;
}

/** Linear layers of one input, side by side. */
export interface ProjectionKernels {
  /** x [rows, in] → [rows, Σ out] */
  forward(x: Tensor2D, linears: readonly Linear[]): Tensor2D;
  backward(
    dy: Tensor2D,
    x: Tensor2D,
    linears: readonly Linear[],
  ): { dx: Tensor2D; layers: LinearGradients[] };
}

/** Where sequences lie among the rows of a batch: see `Layout` in `lib/ops`. */
export interface RowLayout {
  /** First row of each sequence. */
  readonly starts: Int32Array;
  /** First sequence of each family of a prefix and what continues it, and the number of sequences. */
  readonly families: Int32Array;
  /** Rows of the longest sequence. */
  readonly longest: number;
  /** The arrays on the device, made on first use. */
  tensors(): Record<"starts" | "lengths" | "positions" | "prefixes" | "families", Tensor1D> & {
    /** int32 [sequences, 5]: see `PackedSequences` in `webgpu/`. */
    spans: Tensor2D;
  };
}

/** What an attention layer is, apart from its input. */
export interface AttentionNumbers {
  layout: RowLayout;
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Scores are multiplied by this. */
  scale: number;
  /** Scores become c·tanh(score/c); 0: none. */
  softcap: number;
  /** A query sees the last `window` keys, itself included; 0: all. */
  window: number;
  /** Norms of each head of queries and keys [headDim]. */
  queryNorm?: Tensor1D;
  keyNorm?: Tensor1D;
  /** Whether they get gradients. */
  trainable: boolean;
  epsilon: number;
  addOne: boolean;
  /** Rotary table [2·positions, headDim/2]: the cosines, below them the sines. */
  rotary: Tensor2D;
}

/** Norms and rotation of queries and keys, causal softmax, weighted values. */
export interface AttentionKernels {
  /** packed [rows, (heads + 2·kvHeads)·headDim] → out [rows, heads·headDim], and what the backward pass reads again. */
  forward(packed: Tensor2D, numbers: AttentionNumbers): { out: Tensor2D; saved: Tensor[] };
  backward(
    dOut: Tensor2D,
    packed: Tensor2D,
    saved: Tensor[],
    numbers: AttentionNumbers,
  ): { dPacked: Tensor2D; norms: [query: Tensor1D, key: Tensor1D] | null };
}

/** How logits become a distribution. */
export interface TokenLogprobsNumbers {
  temperature: number;
  /** 0: none. */
  softcap: number;
  /** Whether the backward pass gives the table's gradient. */
  tableGradient: boolean;
  /** Whether there will be a backward pass. */
  trained: boolean;
}

/** log softmax(hidden·tableᵀ / temperature)[target], the logits in blocks or, for a backward pass to come, whole where they are few. */
export interface TokenLogprobsKernels {
  /** hidden [rows, width], table [vocabulary, width], targets int32 [rows] → [rows] each, and the logits [rows, vocabulary] where they are kept */
  forward(
    hidden: Tensor2D,
    table: Tensor2D,
    targets: Tensor1D,
    numbers: TokenLogprobsNumbers,
  ): Record<"logprobs" | "logSumExp" | "entropy" | "hits", Tensor1D> & { logits?: Tensor2D };
  /** From the gradients of the log-probabilities and, where they have any, of the entropies, [rows] each. Writes over the logits. */
  backward(
    dy: { logprobs: Tensor1D; entropy: Tensor1D | null },
    inputs:
      & Record<"targets" | "logSumExp" | "entropy", Tensor1D>
      & Record<"hidden" | "table", Tensor2D>
      & { logits?: Tensor2D },
    numbers: TokenLogprobsNumbers,
  ): { dHidden: Tensor2D; dTable: Tensor2D | null };
}

/** One AdamW update's numbers. */
export interface AdamwNumbers {
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  /** 1 − beta1^step and 1 − beta2^step. */
  correction1: number;
  correction2: number;
  /** The gradient is multiplied by this on the way. */
  gradientScale: number;
}

/** The optimizer's passes over a parameter. */
export interface AdamwKernels {
  /** Changes the parameter and its moments in place. */
  step(
    parameter: Tensor,
    gradient: Tensor,
    moments: { m: Tensor; v: Tensor },
    numbers: AdamwNumbers,
  ): void;
  /** Σ‖g‖² over all gradients; one read-back at most. */
  squaredNorm(gradients: readonly Tensor[]): Promise<number>;
}

/** What to draw. */
export interface DecodeNumbers {
  /** Completions a prompt. */
  n: number;
  maxTokens: number;
  /** 0 takes the most likely token. */
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  /** One a completion, prompt by prompt. */
  seeds: Int32Array;
  eosIds: readonly number[];
  /** Tokens between looks: at `stop`, `onProgress` and `signal`. */
  lookEvery: number;
  /** Asked at each look, for every completion that has grown, whether it should end. */
  stop?: (tokens: number[], logprobs: number[], row: number) => boolean;
  /** Called at each look with the number of tokens so far. */
  onProgress?: (tokens: number) => void;
  signal?: AbortSignal;
}

/** One completion. */
export interface DecodedTokens {
  /** The end token is the last one, when there is one. */
  tokens: number[];
  /** log p of each token at the temperature (1 when greedy), in nats. */
  logprobs: number[];
}
