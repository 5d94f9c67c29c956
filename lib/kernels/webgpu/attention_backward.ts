import type * as tf from "@tensorflow/tfjs-core";
import { attentionKeyGradient } from "./attention_key_gradient.ts";
import { type AttentionNumbers, attentionPlan } from "./attention_plan.ts";
import { attentionQueryGradient } from "./attention_query_gradient.ts";
import { attentionStats } from "./attention_stats.ts";

/** The gradients of `attentionForward`, given its results. The caller disposes of all three. */
export function attentionBackward(
  dout: tf.Tensor4D,
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  out: tf.Tensor4D,
  logSumExp: tf.Tensor3D,
  starts: tf.Tensor1D | null,
  numbers: AttentionNumbers,
): { dq: tf.Tensor4D; dk: tf.Tensor4D; dv: tf.Tensor4D } {
  const plan = attentionPlan(q, k, starts, numbers), stats = attentionStats(dout, out, logSumExp);
  const inputs = { q, k, v, dout, stats };
  const dq = attentionQueryGradient(inputs, plan), { dk, dv } = attentionKeyGradient(inputs, plan, numbers);
  stats.dispose();
  return { dq, dk, dv };
}
