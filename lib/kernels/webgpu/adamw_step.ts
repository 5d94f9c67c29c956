/**
 * AdamW over one parameter in one pass and in place: reads the gradient once, reads and writes parameter and moments
 * once, allocates nothing. Stock tfjs takes about a dozen launches and as many temporaries of the parameter's size.
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { AdamwNumbers } from "../kernels.ts";
import { bindableRows, rowsOf } from "./binding.ts";
import { launch } from "./program.ts";

/**
 * p ← p·(1 − η·λ) − η·m̂/(√v̂ + ε) (Loshchilov and Hutter 2017, arXiv 1711.05101). Writes into the buffers of parameter, m
 * and v: tensors that share them (a clone, a reshape) change too. One launch for each part that the adapter can bind.
 */
export function adamwStep(
  parameter: tf.Tensor,
  gradient: tf.Tensor,
  { m, v }: { m: tf.Tensor; v: tf.Tensor },
  numbers: AdamwNumbers,
): void {
  const { learningRate, beta1, beta2, epsilon, weightDecay, correction1, correction2, gradientScale } =
    numbers;
  for (const part of bindableRows(parameter.size, 1)) {
    const of = (tensor: tf.Tensor) => rowsOf(tensor, part, 1);
    launch({
      key: "adamw_step",
      groups: Math.ceil(part.count / 64),
      reads: { gradient: of(gradient) },
      writes: { parameter: of(parameter), m: of(m), v: of(v) },
      ints: { count: part.count },
      floats: {
        beta1,
        beta2,
        // in double here: 1 - 0.999 in f32 is off by 5e-5
        rest1: 1 - beta1,
        rest2: 1 - beta2,
        epsilon,
        keep: 1 - learningRate * weightDecay,
        rate: learningRate / correction1,
        inverse2: 1 / correction2,
        gradientScale,
      },
      body: `
  if (index >= u.count) { return; }
  let g = gradient[index] * u.gradientScale;
  let first = u.beta1 * m[index] + u.rest1 * g;
  let second = u.beta2 * v[index] + u.rest2 * g * g;
  m[index] = first;
  v[index] = second;
  parameter[index] = parameter[index] * u.keep - u.rate * first / (sqrt(second * u.inverse2) + u.epsilon);`,
    });
  }
}
