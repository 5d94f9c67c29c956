import type * as tf from "@tensorflow/tfjs-core";
import { bindableRows, rowsOf } from "./binding.ts";
import { launch, output } from "./program.ts";
import { workgroupTotal } from "./workgroup_total.ts";

const partsPerTensor = 64;

/** Σ‖g‖² of several gradients as a scalar on the device, summed in a fixed order: a launch each (one a bindable part) and one more. */
export function squaredNorms(grads: readonly tf.Tensor[]): tf.Scalar {
  const parts = grads.flatMap((grad) => bindableRows(grad.size, 1).map((part) => ({ grad, ...part })));
  const partials = output([parts.length * partsPerTensor]), sum = output<tf.Scalar>([]);
  for (const [slot, { grad, first, count }] of parts.entries()) {
    launch({
      key: "squared_norm/part",
      workgroupSize: 256,
      groups: partsPerTensor,
      reads: { grad: rowsOf(grad, { first, count }, 1) },
      writes: { partials },
      ints: { count, slot },
      declarations: workgroupTotal(256),
      body: `
  var own = 0.0;
  for (var i = index; i < u.count; i += ${256 * partsPerTensor}) { own += grad[i] * grad[i]; }
  let sum = total(own, lane);
  if (lane == 0) { partials[u.slot * ${partsPerTensor} + group] = sum; }`,
    });
  }
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
