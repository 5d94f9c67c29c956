import type { DecoderConfig } from "./decoder_config.ts";
import { keptActivations } from "./kept_activations.ts";
import { parameterNames } from "./parameter_names.ts";

/** What a model is to be used for. */
export interface EstimateMemoryOptions {
  /** Sequences at once, in sampling and in a training micro-batch. @default 1 */
  batchSize?: number;
  /** Tokens a sequence, prompt and completion. @default 512 */
  length?: number;
  /** Rank of a LoRA adapter on all linear layers; `null` trains the weights themselves. @default null */
  loraRank?: number | null;
  /** Whether it is trained, with gradients and AdamW's two moments. @default false */
  training?: boolean;
  /** Bytes a frozen weight takes: 4 in float32, 2 in 16 bits, 1.125 in 8 and 0.75 in 4, scales counted. @default 4 */
  weightBytes?: number;
  /** Bytes there are: a wasm heap ends at 4 GB; `Infinity` where that is not known. @default 2 ** 32 */
  limit?: number;
  /**
   * Bytes there are beside that for weights which are frozen under an adapter or kept in few bits: on the CPU they lie outside the heap;
   * `null`: they count against `limit` like the rest. @default 2 ** 35 on the CPU, `null` where a limit is given
   */
  weightLimit?: number | null;
}

/** Bytes by purpose. */
export interface MemoryEstimate {
  /** Bytes of the weights. */
  weights: number;
  /** The adapter's matrices. */
  adapter: number;
  /** Gradients and AdamW's moments of what is trained: three numbers each. */
  optimizer: number;
  /** Keys and values of every layer while sampling. */
  cache: number;
  /** Activations kept for the backward pass. */
  activations: number;
  /** What the kernels need for themselves: logits, at most 268 MB of them at a time. */
  workspace: number;
  /** What is held at once: weights, adapter, optimizer and workspace, and the larger of cache and activations. */
  total: number;
  /** Whether it fits under the limits. */
  fits: boolean;
  /** The figure in words, with the way out when it does not fit. */
  message: string;
}

/**
 * Says before loading whether a model fits: an estimate from the configuration alone.
 *
 * Weights, adapter, optimizer and cache are exact counts of numbers (float32 apart from `weightBytes`), activations what `keptActivations`
 * counts for each layer and once more for gradients on their way. Leave a fifth for what malloc wastes.
 *
 * @throws {RangeError} for a size that is no whole number from 1.
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { estimateMemory } from "./estimate_memory.ts";
 * import { parseModelConfig } from "./model_config.ts";
 * const config = parseModelConfig({ model_type: "llama", num_hidden_layers: 2 });
 * assert.equal(estimateMemory(config, { training: true }).fits, false); // 24 bytes a weight and more
 * ```
 */
export function estimateMemory(config: DecoderConfig, options: EstimateMemoryOptions = {}): MemoryEstimate {
  const { batchSize = 1, length = 512, loraRank = null, training = false, weightBytes = 4 } = options;
  const { limit = 2 ** 32, weightLimit = options.limit === undefined ? 2 ** 35 : null } = options;
  for (const [name, value] of Object.entries({ batchSize, length, loraRank: loraRank ?? 1 })) {
    if (!(Number.isSafeInteger(value) && value >= 1)) {
      throw new RangeError(`estimateMemory(): ${name} must be a whole number from 1, not ${value}`);
    }
  }
  const specs = parameterNames(config), frozen = loraRank !== null || !training;
  const numbers = specs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const linear = specs.filter(({ name }) => /_proj\.weight$/.test(name));
  const adapterNumbers = loraRank === null
    ? 0
    : linear.reduce((sum, { shape: [out, width] }) => sum + loraRank * (out + width), 0);
  const weights = numbers * (frozen ? weightBytes : 4), adapter = 4 * adapterNumbers;
  const optimizer = training ? 12 * (loraRank === null ? numbers : adapterNumbers) : 0;

  const tokens = batchSize * length;
  const cache = 4 * tokens * config.layers * 2 * config.kvHeads * config.headDim;
  const activations = training ? 4 * tokens * (config.layers + 1) * keptActivations(config) : 0;

  const workspace = 4 * Math.min(config.vocabSize * tokens, 2 ** 26) + 2 ** 24;
  const total = weights + adapter + optimizer + workspace + Math.max(cache, activations),
    apart = weightLimit !== null && (loraRank !== null || weightBytes < 4),
    fits = apart ? weights <= weightLimit && total - weights <= limit : total <= limit;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
  const cut = training && batchSize > 1 && estimateMemory(config, { ...options, batchSize: 1 }).fits;
  const way = cut
    ? `one sequence at a time fits, and sft and grpo cut their batches into passes that do`
    : !training || loraRank !== null
    ? `choose a smaller model, batchSize or length${
      apart && weights > weightLimit ? ', or fewer bits (weights: "q4")' : ""
    }`
    : "train a LoRA adapter instead of the weights, or choose a smaller model, batchSize or length";
  const verdict = limit === Infinity
    ? ""
    : `; ${fits ? "it fits into" : "there are"} ${gigabytes(limit)}${
      apart ? ` and ${gigabytes(weightLimit)} for frozen weights` : ""
    }${fits ? "" : `: ${way}`}`;
  const message = `${config.architecture} with ${(numbers / 1e6).toFixed(1)} M parameters takes about ${
    gigabytes(total)
  } (weights ${gigabytes(weights)}, adapter and optimizer ${gigabytes(adapter + optimizer)}, ${
    training ? `activations ${gigabytes(activations)}` : `cache ${gigabytes(cache)}`
  }, workspace ${gigabytes(workspace)})${verdict}`;
  return { weights, adapter, optimizer, cache, activations, workspace, total, fits, message };
}
