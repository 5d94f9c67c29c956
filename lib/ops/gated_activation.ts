import * as tf from "@tensorflow/tfjs";
import type { Activation } from "../kernels/decoder_description.ts";
import { device } from "../kernels/device.ts";
import { differentiable } from "./differentiable.ts";

/** {@linkcode gatedActivation} in tfjs-core operations. */
export function gatedActivationReference(x: tf.Tensor2D, activation: Activation): tf.Tensor2D {
  return tf.tidy(() => {
    const [gate, up] = tf.split(x, 2, 1) as tf.Tensor2D[];
    if (activation === "silu") return tf.mul(tf.mul(gate, tf.sigmoid(gate)), up);
    const inner = tf.mul(
      tf.add(gate, tf.mul(tf.mul(gate, tf.square(gate)), 0.044715)),
      Math.sqrt(2 / Math.PI),
    );
    return tf.mul(tf.mul(tf.mul(gate, 0.5), tf.add(tf.tanh(inner), 1)), up);
  });
}

/**
 * The gated MLP's middle, act(gate) · up (Shazeer 2020, arXiv 2002.05202). x [rows, 2·width] holds gate and up side by side
 * → [rows, width].
 */
export function gatedActivation(x: tf.Tensor2D, activation: Activation): tf.Tensor2D {
  const { kernels } = device();
  if (!kernels) return gatedActivationReference(x, activation);
  const { forward, backward } = kernels.gatedActivation;
  return differentiable([x], () => ({
    value: forward(x, activation),
    saved: [x],
    gradients: (dy, [x]) => [backward(dy, x as tf.Tensor2D, activation)],
  }));
}
