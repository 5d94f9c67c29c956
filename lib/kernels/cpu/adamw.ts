import type { AdamwKernels } from "../kernels.ts";
import type { CpuEngine } from "./engine.ts";

/** The optimizer's passes on the CPU; the norm in double precision. */
export function adamwKernels(engine: CpuEngine): AdamwKernels {
  return {
    step(parameter, gradient, { m, v }, numbers) {
      const { learningRate, beta1, beta2, epsilon, weightDecay, correction1, correction2, gradientScale } =
        numbers;
      const { size } = parameter;
      engine.run(
        "adamw",
        [...[parameter, gradient, m, v].map(engine.at), size],
        [learningRate, beta1, beta2, correction1, correction2, epsilon, weightDecay, gradientScale],
        size < 1 << 15 ? 1 : engine.threads,
      );
    },
    squaredNorm: (gradients) =>
      Promise.resolve(
        gradients.reduce((sum, g) => sum + engine.kernels.squaredNorm(engine.at(g), g.size), 0),
      ),
  };
}
