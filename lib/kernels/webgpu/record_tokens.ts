import type * as tf from "@tensorflow/tfjs-core";
import { launch } from "./program.ts";

/**
 * Writes what was drawn at `step` of `count` into a history that is read back at once: int32 [2·rows·count], tokens, then the bits of
 * their log-probabilities.
 */
export function recordTokens(
  history: tf.Tensor,
  { ids, logprob }: { ids: tf.Tensor1D; logprob: tf.Tensor1D },
  { step, count }: { step: number; count: number },
): void {
  const rows = ids.size;
  launch({
    key: "record_tokens",
    groups: Math.ceil(rows / 64),
    reads: { ids, logprob },
    writes: { history },
    ints: { rows, count, step },
    body: `
  if (index >= u.rows) { return; }
  history[index * u.count + u.step] = ids[index];
  history[(u.rows + index) * u.count + u.step] = bitcast<i32>(logprob[index]);`,
  });
}
