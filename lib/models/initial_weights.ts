import { Random } from "../random/random.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { parameterNames } from "./parameter_names.ts";

/** Random weights by name: matrices are normal, norms start as the identity, biases at zero. */
export function initialWeights(
  config: DecoderConfig,
  { seed, standardDeviation }: { seed: number; standardDeviation: number },
) {
  const random = new Random(seed);
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next()) * standardDeviation;
  return parameterNames(config).map(({ name, shape }): [string, { shape: number[]; data: Float32Array }] => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    if (shape.length > 1) { for (let i = 0; i < data.length; i++) data[i] = normal(); }
    else if (name.endsWith("norm.weight")) data.fill(config.rmsAddOne ? 0 : 1);
    return [name, { shape, data }];
  });
}
