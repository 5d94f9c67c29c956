import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";

/** One value a row each. */
export interface TokenLogprobResults {
  logprobs: tf.Tensor1D;
  logSumExp: tf.Tensor1D;
  /** In nats, of the whole distribution. */
  entropy: tf.Tensor1D;
  /** 1 where the target is the most likely token. */
  hits: tf.Tensor1D;
}

/** What each row's folded state comes to, once all chunks are in it. */
export function finishLogprobs(state: tf.Tensor2D, targets: tf.Tensor1D): TokenLogprobResults {
  const rows = targets.size, vector = () => output<tf.Tensor1D>([rows]);
  const [logprobs, logSumExp, entropy, hits] = [vector(), vector(), vector(), vector()];
  launch({
    key: "token_logprobs/finish",
    groups: Math.ceil(rows / 64),
    reads: { state, targets },
    writes: { logprobs, logSumExp, entropy, hits },
    ints: { rows },
    body: `
  if (index >= u.rows) { return; }
  let slot = index * 5;
  let scale = log(state[slot + 1]);
  logSumExp[index] = state[slot] + scale;
  logprobs[index] = state[slot + 3] - state[slot] - scale;
  entropy[index] = scale - state[slot + 2] / state[slot + 1];
  hits[index] = select(0.0, 1.0, i32(state[slot + 4]) == targets[index]);`,
  });
  return { logprobs, logSumExp, entropy, hits };
}
