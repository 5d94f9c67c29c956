import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";
import { squaredNormParts } from "./squared_norm_parts.ts";
import { workgroupTotal } from "./workgroup_total.ts";

/** Σ‖g‖² of several gradients as a scalar on the device, summed in a fixed order: parts of each first, and one launch more. */
export function squaredNorms(gradients: readonly tf.Tensor[]): tf.Scalar {
  const partials = squaredNormParts(gradients), sum = output<tf.Scalar>([]);
  launch({
    key: "squared_norm/sum",
    workgroupSize: 256,
    groups: 1,
    reads: { partials },
    writes: { sum },
    ints: { count: partials.size },
    declarations: workgroupTotal(256),
    body: `
  var own = 0.0;
  for (var i = lane; i < u.count; i += 256) { own += partials[i]; }
  let all = total(own, lane);
  if (lane == 0) { sum[0] = all; }`,
  });
  partials.dispose();
  return sum;
}
