import * as tf from "@tensorflow/tfjs";
import { device } from "../kernels/device.ts";
import { differentiable } from "./differentiable.ts";

/** Options of {@linkcode rmsNorm}. */
export interface RmsNormOptions {
  epsilon: number;
  /** Multiply by 1 + w (Gemma) instead of w. @default false */
  addOne?: boolean;
  /** Whether the weight gets a gradient; a frozen one costs nothing in the backward pass. @default true */
  trainable?: boolean;
  /** Added after the norm: y = residual + norm(x)·w, one pass for Gemma's post-norms. [rows, width] */
  residual?: tf.Tensor2D;
}

/** {@linkcode rmsNorm} in tfjs-core operations: the oracle, and what runs where there is no kernel. */
export function rmsNormReference(
  x: tf.Tensor2D,
  weight: tf.Tensor1D,
  { epsilon, addOne, residual }: RmsNormOptions,
): tf.Tensor2D {
  return tf.tidy(() => {
    const normed = tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon)));
    const y = tf.mul(normed, addOne ? tf.add(weight, 1) : weight) as tf.Tensor2D;
    return residual ? tf.add(residual, y) : y;
  });
}

/**
 * Root-mean-square norm of each row, y = x / √(mean(x²) + ε) · w (Zhang and Sennrich 2019, arXiv 1910.07467).
 *
 * x [rows, width], weight [width] → [rows, width], differentiable in x, weight and the residual. The caller disposes of
 * the result.
 */
export function rmsNorm(x: tf.Tensor2D, weight: tf.Tensor1D, options: RmsNormOptions): tf.Tensor2D {
  const { epsilon, addOne = false, trainable = true, residual } = options, { kernels } = device();
  if (!kernels) return rmsNormReference(x, weight, options);
  const { forward, backward } = kernels.rmsNorm,
    numbers = { epsilon, addOne, residual, weightGradient: trainable };
  return differentiable([x, ...(trainable ? [weight] : []), ...(residual ? [residual] : [])], () => ({
    value: forward(x, weight, numbers),
    saved: [x, weight],
    gradients: (dy, saved) => {
      const [x, weight] = saved as [tf.Tensor2D, tf.Tensor1D];
      const { dx, dWeight } = backward(dy, x, weight, numbers);
      return [dx, ...(dWeight ? [dWeight] : []), ...(residual ? [dy.clone()] : [])];
    },
  }));
}
