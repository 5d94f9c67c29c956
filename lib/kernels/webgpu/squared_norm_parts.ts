import type * as tf from "@tensorflow/tfjs-core";
import { bindableRows, rowsOf } from "./binding.ts";
import { launch, output } from "./program.ts";
import { workgroupTotal } from "./workgroup_total.ts";

const partsPerTensor = 64;

/** Sums of the squares of parts of several gradients, one after the other: a launch each, one a bindable part. */
export function squaredNormParts(gradients: readonly tf.Tensor[]): tf.Tensor1D {
  const bound = gradients.flatMap((gradient) =>
    bindableRows(gradient.size, 1).map((part) => ({ gradient, ...part }))
  );
  const partials = output<tf.Tensor1D>([bound.length * partsPerTensor]);
  for (const [slot, { gradient, first, count }] of bound.entries()) {
    launch({
      key: "squared_norm/part",
      workgroupSize: 256,
      groups: partsPerTensor,
      reads: { gradient: rowsOf(gradient, { first, count }, 1) },
      writes: { partials },
      ints: { count, slot },
      declarations: workgroupTotal(256),
      body: `
  var own = 0.0;
  for (var i = index; i < u.count; i += ${256 * partsPerTensor}) { own += gradient[i] * gradient[i]; }
  let sum = total(own, lane);
  if (lane == 0) { partials[u.slot * ${partsPerTensor} + group] = sum; }`,
    });
  }
  return partials;
}
