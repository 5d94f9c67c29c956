import * as tf from "@tensorflow/tfjs";
import { device } from "../kernels/device.ts";
import { differentiable } from "./differentiable.ts";

/** Options of {@linkcode tokenLogprobs}. */
export interface TokenLogprobsOptions {
  /** Logits are divided by this first. @default 1 */
  temperature?: number;
  /** Logits become c·tanh(logit/c) before that (Gemma 2); 0: none. @default 0 */
  softcap?: number;
  /** Whether the vocabulary table gets a gradient. @default true */
  tableTrainable?: boolean;
  /** Whether gradients flow through the entropies too. @default false */
  entropyTrainable?: boolean;
}

/** What {@linkcode tokenLogprobs} gives; the caller disposes of all three. */
export interface TokenLogprobs {
  /** log p(target), differentiable. [rows] */
  logprobs: tf.Tensor1D;
  /** Entropy of the whole distribution in nats, differentiable where that is asked. [rows] */
  entropy: tf.Tensor1D;
  /** 1 where the target is the most likely token, no gradient. [rows] */
  hits: tf.Tensor1D;
}

/** {@linkcode tokenLogprobs} in tfjs-core operations, with the logits whole. */
export function tokenLogprobsReference(
  hidden: tf.Tensor2D,
  table: tf.Tensor2D,
  targets: tf.Tensor1D,
  { temperature = 1, softcap = 0 }: TokenLogprobsOptions = {},
): TokenLogprobs {
  let logits = tf.matMul(hidden, table, false, true) as tf.Tensor2D;
  if (softcap) logits = tf.mul(tf.tanh(tf.div(logits, softcap)), softcap);
  const logp = tf.logSoftmax(tf.div(logits, temperature) as tf.Tensor2D);
  return {
    logprobs: tf.sum(tf.mul(logp, tf.oneHot(targets, table.shape[0])), 1),
    entropy: tf.neg(tf.sum(tf.mul(tf.exp(logp), logp), 1)),
    hits: tf.cast(tf.equal(tf.argMax(logits, 1), targets), "float32"),
  };
}

/**
 * Log-probabilities of chosen tokens straight from hidden states: log softmax(hidden·tableᵀ / temperature)[target]. The
 * [rows × vocabulary] logits exist in blocks, so that a large vocabulary fits; where they are few the CPU keeps them for the backward pass.
 *
 * hidden [rows, width], table [vocabulary, width], targets int32 [rows]; differentiable in hidden and table.
 */
export function tokenLogprobs(
  hidden: tf.Tensor2D,
  table: tf.Tensor2D,
  targets: tf.Tensor1D,
  options: TokenLogprobsOptions = {},
): TokenLogprobs {
  const { kernels } = device(), { temperature = 1, softcap = 0, tableTrainable = true } = options;
  if (!kernels) return tokenLogprobsReference(hidden, table, targets, options);
  const { forward, backward } = kernels.tokenLogprobs,
    trained = tf.engine().isTapeOn(),
    numbers = { temperature, softcap, tableGradient: tableTrainable, trained };
  let entropy!: tf.Tensor1D, hits!: tf.Tensor1D;
  const [rows] = hidden.shape, { entropyTrainable = false } = options;
  const value = differentiable(tableTrainable ? [hidden, table] : [hidden], () => {
    const { logprobs, logSumExp, logits, ...rest } = forward(hidden, table, targets, numbers);
    hits = tf.keep(rest.hits);
    if (!entropyTrainable) entropy = tf.keep(rest.entropy);
    return {
      value: entropyTrainable ? tf.concat([logprobs, rest.entropy]) : logprobs,
      saved: [hidden, targets, logSumExp, rest.entropy, ...logits ? [logits] : []],
      gradients: (dy, saved) => {
        const [hidden, targets, logSumExp, entropy] = saved as [tf.Tensor2D, ...tf.Tensor1D[]];
        const logits = saved[4] as tf.Tensor2D | undefined;
        const half = (from: number) => tf.slice(dy, [from], [rows]);
        const { dHidden, dTable } = backward(
          entropyTrainable ? { logprobs: half(0), entropy: half(rows) } : { logprobs: dy, entropy: null },
          { hidden, table, targets, logSumExp, entropy, logits },
          numbers,
        );
        return dTable ? [dHidden, dTable] : [dHidden];
      },
    };
  });
  if (!entropyTrainable) return { logprobs: value, entropy, hits };
  return { logprobs: tf.slice(value, [0], [rows]), entropy: tf.slice(value, [rows], [rows]), hits };
}
