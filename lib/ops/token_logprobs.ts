import * as tf from "@tensorflow/tfjs";
import { cpuEngine } from "../kernels/cpu/engine.ts";
import { tokenLogprobsBackward, tokenLogprobsForward } from "../kernels/webgpu/token_logprobs.ts";

/** Options of {@linkcode tokenLogprobs}. */
export interface TokenLogprobsOptions {
  /** Logits are divided by this first. @default 1 */
  temperature?: number;
  /** Logits become c·tanh(logit/c) before that (Gemma 2); 0: none. @default 0 */
  softcap?: number;
  /** Whether the vocabulary table gets a gradient. @default true */
  tableTrainable?: boolean;
}

/** What {@linkcode tokenLogprobs} gives; the caller disposes of all three. */
export interface TokenLogprobs {
  /** log p(target), differentiable. [rows] */
  logprobs: tf.Tensor1D;
  /** Entropy of the whole distribution in nats, no gradient. [rows] */
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
 * Logits that all chunks hold at once, 256 MB. A block reads the whole table, so with a large vocabulary few rows a block would
 * mean reading Gemma's 671 MB for every eight tokens.
 */
const blockFloats = 1 << 26;

/**
 * Log-probabilities of chosen tokens straight from hidden states: log softmax(hidden·tableᵀ / temperature)[target]. The
 * [rows × vocabulary] logits exist only in blocks, forward and backward, so that a large vocabulary fits.
 *
 * hidden [rows, width], table [vocabulary, width], targets int32 [rows]; differentiable in hidden and table.
 */
export function tokenLogprobs(
  hidden: tf.Tensor2D,
  table: tf.Tensor2D,
  targets: tf.Tensor1D,
  options: TokenLogprobsOptions = {},
): TokenLogprobs {
  const engine = cpuEngine(), { temperature = 1, softcap = 0, tableTrainable = true } = options;
  if (!engine && tf.getBackend() !== "webgpu") return tokenLogprobsReference(hidden, table, targets, options);
  const [rows, width] = hidden.shape, vocabulary = table.shape[0];
  let entropy!: tf.Tensor1D, hits!: tf.Tensor1D;
  const inputs = tableTrainable ? [hidden, table] : [hidden];
  const op = tf.customGrad((...args) => {
    const save = args.pop() as unknown as tf.GradSaveFunc, hidden = args[0] as tf.Tensor2D;
    if (!engine) {
      const forward = tokenLogprobsForward(hidden, table, targets, { temperature, softcap });
      entropy = tf.keep(forward.entropy);
      hits = tf.keep(forward.argmaxMatches);
      save([hidden, targets, forward.logSumExp]);
      return {
        value: forward.logprob,
        gradFunc: (dy, saved) => {
          const [hidden, targets, logSumExp] = saved as tf.Tensor[];
          const { dhidden, dtable } = tokenLogprobsBackward(
            dy as tf.Tensor1D,
            hidden as tf.Tensor2D,
            table,
            targets as tf.Tensor1D,
            logSumExp as tf.Tensor1D,
            { temperature, softcap, tableGradient: tableTrainable },
          );
          return dtable && tableTrainable ? [dhidden, dtable] : [dhidden];
        },
      };
    }
    const logprobs = engine.output<tf.Tensor1D>([rows]), logSumExp = engine.output([rows]);
    entropy = tf.keep(engine.output<tf.Tensor1D>([rows]));
    hits = tf.keep(engine.output<tf.Tensor1D>([rows]));
    // one partial gradient of the table a chunk, and one alone where a large table is trained
    const large = tableTrainable && vocabulary * width > 1 << 24;
    const chunks = Math.min(engine.threads, Math.ceil(rows / 16), large ? 1 : 64);
    const block = Math.max(8, Math.min(64, Math.floor(blockFloats / chunks / vocabulary)));
    const plan = (buffers: number) => [rows, vocabulary, width, buffers, block];
    const addresses = (...tensors: tf.Tensor[]) => tensors.map((tensor) => engine.at(tensor));
    engine.run(
      "logprobs",
      [
        ...addresses(hidden, table, targets, logprobs, logSumExp, entropy, hits),
        ...plan(engine.scratch(chunks * block * vocabulary * 4)),
      ],
      [1 / temperature, softcap],
      chunks,
    );
    save([hidden, targets, logSumExp]);
    return {
      value: logprobs,
      gradFunc: (dy, [hidden, targets, logSumExp]) => {
        const dHidden = engine.output([rows, width]),
          buffers = chunks * block * vocabulary * 4,
          partial = vocabulary * width;
        const scratch = engine.scratch(buffers + (tableTrainable ? chunks * partial * 4 : 0));
        const partials = tableTrainable ? scratch + buffers : 0;
        engine.run(
          "logprobsBackward",
          [...addresses(hidden, table, targets, dy, logSumExp, dHidden), partials, ...plan(scratch)],
          [1 / temperature, softcap],
          chunks,
        );
        if (!tableTrainable) return [dHidden];
        const dTable = engine.output([vocabulary, width]);
        engine.reduce(partials, chunks, partial, engine.at(dTable));
        return [dHidden, dTable];
      },
    };
  });
  const logprobs = op(...inputs) as tf.Tensor1D;
  return { logprobs, entropy, hits };
}
