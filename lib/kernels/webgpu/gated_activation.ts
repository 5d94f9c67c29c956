/**
 * The gated MLP's middle on WebGPU: one launch forward and one backward instead of about ten each. gate and up lie
 * side by side in one tensor, so that the product before needs no split and its gradient no concatenation.
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Activation } from "../decoder_description.ts";
import { launch, output } from "./program.ts";
import { tanhOf } from "./tanh.ts";

const functions: Record<Activation, string> = {
  silu: `
fn act(x: f32) -> vec2<f32> {
  let s = 1.0 / (1.0 + exp(min(-x, 80.0)));
  return vec2<f32>(x * s, s * (1.0 + x * (1.0 - s)));
}`,
  gelu_tanh: `${tanhOf}
fn act(x: f32) -> vec2<f32> {
  let t = tanh_of(0.7978845608028654 * (x + 0.044715 * x * x * x));
  return vec2<f32>(0.5 * x * (1.0 + t), 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * 0.7978845608028654 * (1.0 + 0.134145 * x * x));
}`,
};

/** act(gate) · up from x [rows, 2·width], gate in the left half and up in the right → [rows, width]. */
export function gatedForward(x: tf.Tensor2D, activation: Activation): tf.Tensor2D {
  const [rows, both] = x.shape, width = both / 2, y = output<tf.Tensor2D>([rows, width]);
  launch({
    key: `gated_forward/${activation}`,
    groups: Math.ceil(y.size / 64),
    reads: { x },
    writes: { y },
    ints: { count: y.size, width },
    declarations: functions[activation],
    body: `
  if (index >= u.count) { return; }
  let at = index + (index / u.width) * u.width;
  y[index] = act(x[at]).x * x[at + u.width];`,
  });
  return y;
}

/** The gradient of {@linkcode gatedForward}, side by side likewise. */
export function gatedBackward(
  dy: tf.Tensor2D,
  x: tf.Tensor2D,
  activation: Activation,
): tf.Tensor2D {
  const dx = output<tf.Tensor2D>(x.shape);
  launch({
    key: `gated_backward/${activation}`,
    groups: Math.ceil(dy.size / 64),
    reads: { dy, x },
    writes: { dx },
    ints: { count: dy.size, width: x.shape[1] / 2 },
    declarations: functions[activation],
    body: `
  if (index >= u.count) { return; }
  let at = index + (index / u.width) * u.width;
  let value = act(x[at]);
  dx[at] = dy[index] * x[at + u.width] * value.y;
  dx[at + u.width] = dy[index] * value.x;`,
  });
  return dx;
}
