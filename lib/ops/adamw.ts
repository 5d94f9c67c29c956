import * as tf from "@tensorflow/tfjs";
import { device } from "../kernels/device.ts";

/** One AdamW update's numbers. */
export interface AdamwOptions {
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  /** The update's number, from 1: corrects the moments' bias. */
  step: number;
  /** The gradient is multiplied by this on the way: clipping costs no pass of its own. */
  gradientScale: number;
}

/** The state of one parameter: first and second moment, of its shape. */
export interface Moments {
  m: tf.Variable;
  v: tf.Variable;
}

/** {@linkcode adamw} in tfjs-core operations. */
export function adamwReference(
  parameter: tf.Variable,
  gradient: tf.Tensor,
  { m, v }: Moments,
  options: AdamwOptions,
): void {
  const { learningRate, beta1, beta2, epsilon, weightDecay, step, gradientScale } = options;
  tf.tidy(() => {
    const g = tf.mul(gradient, gradientScale);
    m.assign(tf.add(tf.mul(m, beta1), tf.mul(g, 1 - beta1)));
    v.assign(tf.add(tf.mul(v, beta2), tf.mul(tf.square(g), 1 - beta2)));
    const update = tf.div(
      tf.div(m, 1 - beta1 ** step),
      tf.add(tf.sqrt(tf.div(v, 1 - beta2 ** step)), epsilon),
    );
    parameter.assign(tf.sub(tf.mul(parameter, 1 - learningRate * weightDecay), tf.mul(update, learningRate)));
  });
}

/** Gives a variable data of its own where a clone shares it, such as a copy that somebody keeps to compare with. */
function detach(variable: tf.Variable): void {
  if (tf.backend().refCount(variable.dataId) > 1) tf.tidy(() => variable.assign(tf.add(variable, 0)));
}

/**
 * AdamW with decoupled weight decay (Loshchilov and Hutter 2017, arXiv 1711.05101), in place, one pass over the
 * parameter: p ← p·(1 − η·λ) − η·m̂/(√v̂ + ε).
 */
export function adamw(
  parameter: tf.Variable,
  gradient: tf.Tensor,
  moments: Moments,
  options: AdamwOptions,
): void {
  const { kernels } = device(), { step, ...numbers } = options;
  if (!kernels) return adamwReference(parameter, gradient, moments, options);
  for (const written of [parameter, moments.m, moments.v]) detach(written);
  kernels.adamw.step(parameter, gradient, moments, {
    ...numbers,
    correction1: 1 - options.beta1 ** step,
    correction2: 1 - options.beta2 ** step,
  });
}

/** √Σ‖g‖² over all gradients, in double precision on the CPU; one read-back on webgpu. */
export async function globalNorm(gradients: tf.Tensor[]): Promise<number> {
  const { kernels } = device();
  if (kernels) return Math.sqrt(await kernels.adamw.squaredNorm(gradients));
  const total = tf.tidy(() => tf.addN(gradients.map((g) => tf.sum(tf.square(g))))),
    [value] = await total.data();
  total.dispose();
  return Math.sqrt(value);
}
