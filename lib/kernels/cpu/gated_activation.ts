import type * as tf from "@tensorflow/tfjs";
import type { GatedActivationKernels } from "../kernels.ts";
import type { CpuEngine } from "./engine.ts";

/** The gated MLP's middle on the CPU. */
export function gatedActivationKernels(engine: CpuEngine): GatedActivationKernels {
  return {
    forward(x, activation) {
      const [rows, both] = x.shape, width = both / 2, y = engine.output<tf.Tensor2D>([rows, width]);
      engine.run(
        "gatedForward",
        [engine.at(x), engine.at(y), rows, width, activation === "silu" ? 1 : 0],
        [],
        engine.chunks(rows, width),
      );
      return y;
    },
    backward(dy, x, activation) {
      const [rows, both] = x.shape, width = both / 2, dx = engine.output<tf.Tensor2D>([rows, both]);
      engine.run(
        "gatedBackward",
        [engine.at(x), engine.at(dy), engine.at(dx), rows, width, activation === "silu" ? 1 : 0],
        [],
        engine.chunks(rows, width),
      );
      return dx;
    },
  };
}
