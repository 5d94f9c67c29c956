import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";
import { workgroupTotal } from "./workgroup_total.ts";

/**
 * Of each row and head its log-sum-exp and dout·out, side by side: what both backward kernels need, in one binding. [rows·heads, 2].
 * One launch, a workgroup a row and head.
 */
export function attentionStats(dout: tf.Tensor4D, out: tf.Tensor4D, logSumExp: tf.Tensor3D): tf.Tensor2D {
  const headDim = out.shape[3], stats = output<tf.Tensor2D>([logSumExp.size, 2]);
  launch({
    key: "attention_stats",
    groups: logSumExp.size,
    reads: { dout, out, logSumExp },
    writes: { stats },
    ints: { headDim },
    declarations: workgroupTotal(64),
    body: `
  var own = 0.0;
  for (var i = lane; i < u.headDim; i += 64) { own += dout[group * u.headDim + i] * out[group * u.headDim + i]; }
  let sum = total(own, lane);
  if (lane == 0) {
    stats[2 * group] = logSumExp[group];
    stats[2 * group + 1] = sum;
  }`,
  });
  return stats;
}
