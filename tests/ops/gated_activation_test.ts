import type * as tf from "@tensorflow/tfjs";
import type { Activation } from "../../lib/kernels/decoder_description.ts";
import { gatedActivation, gatedActivationReference } from "../../lib/ops/gated_activation.ts";
import { normal } from "../kernels/webgpu/on_webgpu.ts";
import { type OpCase, testAgainstReference } from "./on_each_backend.ts";

function own(rows: number, width: number, activation: Activation): OpCase {
  const call = (f: typeof gatedActivation) => (x: tf.Tensor) => f(x as tf.Tensor2D, activation);
  return {
    name: `${activation}, ${rows} × ${width}`,
    // wide enough for the flat parts of both functions
    inputs: [normal([rows, 2 * width], 4, 3)],
    differences: rows < 6,
    op: call(gatedActivation),
    reference: call(gatedActivationReference),
  };
}

testAgainstReference(
  "gatedActivation()",
  (["gelu_tanh", "silu"] as const).flatMap((
    kind,
  ) => [own(5, 3, kind), own(1, 1, kind), own(33, 13, kind), own(201, 90, kind)]),
);
