import * as tf from "@tensorflow/tfjs";
import { gatedActivationBackward } from "../../../lib/kernels/webgpu/gated_activation_backward.ts";
import { gatedActivationForward } from "../../../lib/kernels/webgpu/gated_activation_forward.ts";
import { assertClose, gradientsOf, normal, testOnWebgpu, valuesOn } from "./on_webgpu.ts";

const reference = {
  silu: (gate: tf.Tensor, up: tf.Tensor) => tf.mul(tf.mul(gate, tf.sigmoid(gate)), up),
  gelu_tanh: (gate: tf.Tensor, up: tf.Tensor) => {
    const inner = tf.mul(tf.add(gate, tf.mul(tf.pow(gate, 3), 0.044715)), Math.sqrt(2 / Math.PI));
    return tf.mul(tf.mul(tf.mul(gate, 0.5), tf.add(tf.tanh(inner), 1)), up);
  },
};

for (const activation of ["silu", "gelu_tanh"] as const) {
  // times 10, so that both ends saturate
  const gate = normal([7, 11], 1, 10), up = normal([7, 11], 2), dy = normal([7, 11], 3);
  const expected = (gate: tf.Tensor, up: tf.Tensor, dy: tf.Tensor) => [
    reference[activation](gate, up),
    ...gradientsOf(reference[activation], [gate, up], dy),
  ];

  testOnWebgpu(
    `gatedActivationForward() and gatedActivationBackward() agree with tfjs-core for ${activation}`,
    async () => {
      const actual = await valuesOn("webgpu", [gate, up, dy], (gate, up, dy) => {
        const x = tf.concat([gate, up], 1) as tf.Tensor2D;
        return [
          gatedActivationForward(x, activation),
          ...tf.split(gatedActivationBackward(dy, x, activation), 2, 1),
        ];
      });
      assertClose(actual, await valuesOn("cpu", [gate, up, dy], expected));
    },
  );
}
