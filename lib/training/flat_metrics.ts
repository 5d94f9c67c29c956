import type { StepMetrics } from "./run.ts";

/**
 * A step's metrics under one name each, as trackers have them: `components.correctness.mean` is `components/correctness/mean`. What was not measured is
 * left out.
 *
 * @example
 * ```ts
 * import { flatMetrics } from "../../mod.ts";
 * flatMetrics({ step: 1, loss: 0.5, learningRate: 1e-3, gradientNorm: 1, tokens: 8, tokensPerSecond: 4, seconds: { total: 2 } })["seconds/total"]; // 2
 * ```
 */
export function flatMetrics(metrics: StepMetrics): Record<string, number | string> {
  const flat: Record<string, number | string> = {};
  const add = (value: unknown, path: string) => {
    if (typeof value === "number" || typeof value === "string") flat[path] = value;
    else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) add(inner, path ? `${path}/${key}` : key);
    }
  };
  add(metrics, "");
  return flat;
}
