/**
 * The gated MLP's middle on WebGPU: one launch forward and one backward instead of about ten each. gate and up may lie
 * side by side in one tensor, so that the product before needs no split and its gradient no concatenation.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";

/** GELU in its tanh form (Gemma) or SiLU (Llama, Qwen). */
export type GatedActivation = "gelu_tanh" | "silu";

// tanh of a large number is NaN on some drivers, which compute it from exp
const functions: Record<GatedActivation, string> = {
  silu: `
fn act(x: f32) -> vec2<f32> {
  let s = 1.0 / (1.0 + exp(-x));
  return vec2<f32>(x * s, s * (1.0 + x * (1.0 - s)));
}`,
  gelu_tanh: `
fn act(x: f32) -> vec2<f32> {
  let t = tanh(clamp(0.7978845608028654 * (x + 0.044715 * x * x * x), -15.0, 15.0));
  return vec2<f32>(0.5 * x * (1.0 + t), 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * 0.7978845608028654 * (1.0 + 0.134145 * x * x));
}`,
};

/** act(gate) · up, elementwise, gate and up of one shape. */
export function gatedForward<T extends tf.Tensor>(gate: T, up: T, activation: GatedActivation): T {
  const y = output<T>(gate.shape);
  launch({
    key: `gated_forward/${activation}`,
    groups: Math.ceil(y.size / 64),
    reads: { gate, up },
    writes: { y },
    ints: { count: y.size },
    declarations: functions[activation],
    body: `
  if (index >= u.count) { return; }
  y[index] = act(gate[index]).x * up[index];`,
  });
  return y;
}

/** The gradients of {@linkcode gatedForward}. */
export function gatedBackward<T extends tf.Tensor>(
  dy: tf.Tensor,
  gate: T,
  up: T,
  activation: GatedActivation,
): { dgate: T; dup: T } {
  const dgate = output<T>(gate.shape), dup = output<T>(gate.shape);
  launch({
    key: `gated_backward/${activation}`,
    groups: Math.ceil(dy.size / 64),
    reads: { dy, gate, up },
    writes: { dgate, dup },
    ints: { count: dy.size },
    declarations: functions[activation],
    body: `
  if (index >= u.count) { return; }
  let value = act(gate[index]);
  dgate[index] = dy[index] * up[index] * value.y;
  dup[index] = dy[index] * value.x;`,
  });
  return { dgate, dup };
}

/** act(gate) · up from x [rows, 2·width], gate in the left half and up in the right → [rows, width]. */
export function gatedPackedForward(x: tf.Tensor2D, activation: GatedActivation): tf.Tensor2D {
  const [rows, both] = x.shape, width = both / 2, y = output<tf.Tensor2D>([rows, width]);
  launch({
    key: `gated_packed_forward/${activation}`,
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

/** The gradient of {@linkcode gatedPackedForward}, packed likewise. */
export function gatedPackedBackward(
  dy: tf.Tensor2D,
  x: tf.Tensor2D,
  activation: GatedActivation,
): tf.Tensor2D {
  const dx = output<tf.Tensor2D>(x.shape);
  launch({
    key: `gated_packed_backward/${activation}`,
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
