import * as tf from "@tensorflow/tfjs";
import type { Linear } from "../kernels/decoder_description.ts";
import { pcg } from "../random/counter_random.ts";
import { project } from "./projection.ts";

/**
 * x with a share of its numbers set to 0 and the rest divided by (1 − rate), so that the mean stays (Srivastava et al. 2014). Which
 * ones follows from the seed alone.
 */
export function dropout(x: tf.Tensor2D, { rate, seed }: { rate: number; seed: number }): tf.Tensor2D {
  if (rate === 0) return x;
  const [rows, width] = x.shape, keep = new Float32Array(rows * width), scale = 1 / (1 - rate);
  const below = rate * 2 ** 32;
  for (let row = 0, at = 0; row < rows; row++) {
    const own = pcg(row ^ pcg(seed));
    for (let column = 0; column < width; column++, at++) keep[at] = pcg(column ^ own) < below ? 0 : scale;
  }
  return tf.mul(x, tf.tensor2d(keep, x.shape));
}

/**
 * `project` in training with LoRA dropout, as PEFT has it: y = x·Wᵀ + scale · (dropout(x)·Aᵀ)·Bᵀ, each linear layer with a mask of its
 * own. It runs in several passes where `project` has one, which only adapters with a dropout pay. Run it in `tf.tidy`.
 */
export function projectWithDropout(x: tf.Tensor2D, linears: Linear[], seed: number): tf.Tensor2D {
  const base = project(x, linears.map(({ lora: _, ...plain }) => plain));
  if (linears.every(({ lora }) => !lora)) return base;
  const parts = linears.map(({ weight, lora }, index) => {
    if (!lora) return tf.zeros<tf.Rank.R2>([x.shape[0], weight.shape[0]]);
    const { a, b, scale, dropout: rate = 0 } = lora,
      dropped = dropout(x, { rate, seed: pcg(seed ^ pcg(index)) });
    const low = project(dropped, [{ weight: a, trainable: true }]);
    return project(tf.mul(low, scale), [{ weight: b, trainable: true }]);
  });
  return tf.add(base, parts.length === 1 ? parts[0] : tf.concat(parts, 1));
}
