import type * as tf from "@tensorflow/tfjs-core";
import type { Activation } from "../decoder_description.ts";
import { activationText } from "./activation_text.ts";
import { launch, output } from "./program.ts";

/** act(gate) · up from x [rows, 2·width], gate in the left half and up in the right → [rows, width]. */
export function gatedActivationForward(x: tf.Tensor2D, activation: Activation): tf.Tensor2D {
  const [rows, both] = x.shape, width = both / 2, y = output<tf.Tensor2D>([rows, width]);
  launch({
    key: `gated_forward/${activation}`,
    groups: Math.ceil(y.size / 64),
    reads: { x },
    writes: { y },
    ints: { count: y.size, width },
    declarations: activationText[activation],
    body: `
  if (index >= u.count) { return; }
  let at = index + (index / u.width) * u.width;
  y[index] = act(x[at]).x * x[at + u.width];`,
  });
  return y;
}
