import * as tf from "@tensorflow/tfjs";
import { cpuEngine } from "../kernels/cpu/engine.ts";
import { gatedBackward, gatedForward } from "../kernels/webgpu/gated_activation.ts";

/** GELU in its tanh form (Gemma) or SiLU (Llama, Qwen). */
export type Activation = "gelu_tanh" | "silu";

/** {@linkcode gatedActivation} in tfjs-core operations. */
export function gatedActivationReference(x: tf.Tensor2D, activation: Activation): tf.Tensor2D {
  return tf.tidy(() => {
    const [gate, up] = tf.split(x, 2, 1) as tf.Tensor2D[];
    if (activation === "silu") return tf.mul(tf.mul(gate, tf.sigmoid(gate)), up);
    const inner = tf.mul(
      tf.add(gate, tf.mul(tf.mul(gate, tf.square(gate)), 0.044715)),
      Math.sqrt(2 / Math.PI),
    );
    return tf.mul(tf.mul(tf.mul(gate, 0.5), tf.add(tf.tanh(inner), 1)), up);
  });
}

/**
 * The gated MLP's middle, act(gate) · up (Shazeer 2020, arXiv 2002.05202). x [rows, 2·width] holds gate and up side by side
 * → [rows, width].
 */
export function gatedActivation(x: tf.Tensor2D, activation: Activation): tf.Tensor2D {
  const engine = cpuEngine(), [rows, both] = x.shape, width = both / 2, kind = activation === "silu" ? 1 : 0;
  if (engine) {
    return tf.customGrad((x, save) => {
      const y = engine.output<tf.Tensor2D>([rows, width]);
      engine.run(
        "gatedForward",
        [engine.at(x as tf.Tensor), engine.at(y), rows, width, kind],
        [],
        engine.chunks(rows, width),
      );
      (save as tf.GradSaveFunc)([x as tf.Tensor]);
      return {
        value: y,
        gradFunc: (dy, [x]) => {
          const dx = engine.output([rows, both]);
          engine.run(
            "gatedBackward",
            [engine.at(x), engine.at(dy), engine.at(dx), rows, width, kind],
            [],
            engine.chunks(rows, width),
          );
          return dx;
        },
      };
    })(x) as tf.Tensor2D;
  }
  if (tf.getBackend() !== "webgpu") return gatedActivationReference(x, activation);
  return tf.customGrad((x, save) => {
    (save as tf.GradSaveFunc)([x as tf.Tensor]);
    return {
      value: gatedForward(x as tf.Tensor2D, activation),
      gradFunc: (dy, [x]) => gatedBackward(dy as tf.Tensor2D, x as tf.Tensor2D, activation),
    };
  })(x) as tf.Tensor2D;
}
