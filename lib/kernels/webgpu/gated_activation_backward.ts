import type * as tf from "@tensorflow/tfjs-core";
import type { Activation } from "../decoder_description.ts";
import { activationText } from "./activation_text.ts";
import { launch, output } from "./program.ts";

/** The gradient of `gatedActivationForward`, side by side likewise. */
export function gatedActivationBackward(
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
    declarations: activationText[activation],
    body: `
  if (index >= u.count) { return; }
  let at = index + (index / u.width) * u.width;
  let value = act(x[at]);
  dx[at] = dy[index] * x[at + u.width] * value.y;
  dx[at + u.width] = dy[index] * value.x;`,
  });
  return dx;
}
