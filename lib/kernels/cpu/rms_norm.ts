import type * as tf from "@tensorflow/tfjs";
import type { RmsNormKernels } from "../kernels.ts";
import type { CpuEngine } from "./engine.ts";

/** Root-mean-square norm of rows on the CPU. */
export function rmsNormKernels(engine: CpuEngine): RmsNormKernels {
  return {
    forward(x, weight, { epsilon, addOne, residual }) {
      const [rows, width] = x.shape, y = engine.output<tf.Tensor2D>([rows, width]);
      const added = residual ? engine.at(residual) : 0;
      engine.run(
        "rmsForward",
        [engine.at(x), width, engine.at(weight), added, engine.at(y), width, rows, width],
        [epsilon, addOne ? 1 : 0],
        engine.chunks(rows, width),
      );
      return y;
    },
    backward(dy, x, weight, { epsilon, addOne, weightGradient }) {
      const [rows, width] = x.shape, chunks = engine.chunks(rows, width);
      const dx = engine.output<tf.Tensor2D>([rows, width]),
        dWeight = weightGradient ? engine.output<tf.Tensor1D>([width]) : null;
      const partials = engine.scratch(chunks * width * 4),
        [px, pw, pdy, pdx] = [x, weight, dy, dx].map(engine.at);
      engine.run(
        "rmsBackward",
        [px, width, pw, pdy, width, pdx, width, partials, rows, width],
        [epsilon, addOne ? 1 : 0],
        chunks,
      );
      if (dWeight) engine.reduce(partials, chunks, width, engine.at(dWeight));
      return { dx, dWeight };
    },
  };
}
