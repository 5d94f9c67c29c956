import type { Activation } from "../decoder_description.ts";
import { tanhOf } from "./tanh.ts";

/** WGSL `act(x)`: an activation's value and its derivative. */
export const activationText: Record<Activation, string> = {
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
