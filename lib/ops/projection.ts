import * as tf from "@tensorflow/tfjs";
import type { Linear } from "../kernels/decoder_description.ts";
import { device } from "../kernels/device.ts";
import { differentiable } from "./differentiable.ts";

/** {@linkcode project} in tfjs-core operations. */
export function projectReference(x: tf.Tensor2D, linears: readonly Linear[]): tf.Tensor2D {
  return tf.tidy(() => {
    const parts = linears.map(({ weight, bias, lora }) => {
      let y = tf.matMul(x, weight, false, true) as tf.Tensor2D;
      if (bias) y = tf.add(y, bias);
      if (lora) {
        y = tf.add(y, tf.mul(tf.matMul(tf.matMul(x, lora.a, false, true), lora.b, false, true), lora.scale));
      }
      return y;
    });
    return parts.length === 1 ? parts[0] : tf.concat(parts, 1);
  });
}

/**
 * Several linear layers of one input, side by side: x [rows, in] → [rows, Σ out]. Each writes its own columns of the
 * result, and their gradients meet in one buffer, so that neither a concatenation nor a merged LoRA weight exists.
 */
export function project(x: tf.Tensor2D, linears: readonly Linear[]): tf.Tensor2D {
  const { kernels } = device();
  if (!kernels) return projectReference(x, linears);
  const { forward, backward } = kernels.projection;
  const inputs = linears.flatMap(({ weight, bias, trainable, lora }): tf.Tensor[] => [
    ...(trainable ? [weight] : []),
    ...(trainable && bias ? [bias] : []),
    ...(lora ? [lora.a, lora.b] : []),
  ]);
  return differentiable([x, ...inputs], () => ({
    value: forward(x, linears),
    saved: [x],
    gradients: (dy, [x]) => {
      const { dx, layers } = backward(dy, x as tf.Tensor2D, linears);
      const gradients = layers.flatMap(({ weight, bias, a, b }) => [weight, bias, a, b]);
      return [dx, ...gradients.filter((gradient) => gradient !== undefined)];
    },
  }));
}
