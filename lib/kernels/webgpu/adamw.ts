/**
 * AdamW over one parameter in one pass and in place: reads the gradient once, reads and writes parameter and moments
 * once, allocates nothing. Stock tfjs takes about a dozen launches and as many temporaries of the parameter's size.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { bindableRows, rowsOf } from "./binding.ts";
import { launch } from "./program.ts";

/** One update's numbers. */
export interface AdamwNumbers {
  lr: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  /** 1 − β₁^step. */
  correction1: number;
  /** 1 − β₂^step. */
  correction2: number;
  /** The gradient is multiplied by this first. @default 1 */
  gradScale?: number;
}

/**
 * p ← p·(1 − η·λ) − η·m̂/(√v̂ + ε) (Loshchilov and Hutter 2017, arXiv 1711.05101). Writes into the buffers of param, m
 * and v: tensors that share them (a clone, a reshape) change too. One launch for each part that the adapter can bind.
 */
export function adamwStep(
  param: tf.Tensor,
  grad: tf.Tensor,
  m: tf.Tensor,
  v: tf.Tensor,
  numbers: AdamwNumbers,
): void {
  const { lr, beta1, beta2, epsilon, weightDecay, correction1, correction2, gradScale = 1 } = numbers;
  for (const part of bindableRows(param.size, 1)) {
    const of = (tensor: tf.Tensor) => rowsOf(tensor, part, 1);
    launch({
      key: "adamw_step",
      groups: Math.ceil(part.count / 64),
      reads: { grad: of(grad) },
      writes: { param: of(param), m: of(m), v: of(v) },
      ints: { count: part.count },
      floats: {
        beta1,
        beta2,
        // in double here: 1 - 0.999 in f32 is off by 5e-5
        rest1: 1 - beta1,
        rest2: 1 - beta2,
        epsilon,
        keep: 1 - lr * weightDecay,
        rate: lr / correction1,
        inverse2: 1 / correction2,
        gradScale,
      },
      body: `
  if (index >= u.count) { return; }
  let g = grad[index] * u.gradScale;
  let first = u.beta1 * m[index] + u.rest1 * g;
  let second = u.beta2 * v[index] + u.rest2 * g * g;
  m[index] = first;
  v[index] = second;
  param[index] = param[index] * u.keep - u.rate * first / (sqrt(second * u.inverse2) + u.epsilon);`,
    });
  }
}
