import type * as tf from "@tensorflow/tfjs-core";
import { output } from "./program.ts";
import { chunkLogits, type TokenLogprobNumbers, vocabularyChunks } from "./token_logprobs_chunks.ts";
import { finishLogprobs, type TokenLogprobResults } from "./token_logprobs_finish.ts";
import { foldLogits } from "./token_logprobs_fold.ts";

/**
 * hidden [rows, width], table [vocabulary, width] or int32 [vocabulary, width/2] of `packHalf`, targets int32 [rows]. The
 * caller disposes of all four results.
 */
export function tokenLogprobsForward(
  hidden: tf.Tensor2D,
  table: tf.Tensor2D,
  targets: tf.Tensor1D,
  { temperature = 1, softcap = 0, chunk }: TokenLogprobNumbers = {},
): TokenLogprobResults {
  const [rows] = hidden.shape, chunks = vocabularyChunks(rows, table, chunk);
  const logits = output([rows * chunks[0].count]), state = output<tf.Tensor2D>([rows, 5]);
  for (const { first, count } of chunks) {
    chunkLogits(hidden, table, { first, count }, logits);
    foldLogits(logits, targets, state, { first, count, temperature, softcap });
  }
  const results = finishLogprobs(state, targets);
  logits.dispose();
  state.dispose();
  return results;
}
