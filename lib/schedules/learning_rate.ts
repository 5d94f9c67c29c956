import { parseOptions } from "../options/parse_options.ts";
import { learningRateSchema } from "./schedule_schema.ts";

/** A learning rate's curve. */
export interface LearningRateSpec {
  /** The curve after the warm-up. @default "constant" */
  kind?: "constant" | "linear" | "cosine";
  /** The highest value, reached when the warm-up ends. */
  peak: number;
  /** Steps of linear warm-up. TRL: warmup_steps. @default 0 */
  warmupSteps?: number;
  /** The same as a share of the run. TRL: warmup_ratio. */
  warmupRatio?: number;
  /** Value at the end of linear and cosine. @default 0 */
  final?: number;
}

/** A learning rate in use. */
export interface LearningRate {
  /** The rate of update `step` (from 0) of `steps`. */
  at(step: number, steps: number): number;
  /** As plain data, for a configuration. */
  toJSON(): number | LearningRateSpec;
}

/**
 * A learning rate from its description: linear warm-up (step + 1)/warm-up, then constant, or linear or cosine to `final`
 * (transformers' `get_cosine_schedule_with_warmup`, counted from 0).
 *
 * @throws {ConfigError} when the description makes no sense
 * @example
 * ```ts
 * import { learningRate } from "../../mod.ts";
 * learningRate({ kind: "cosine", peak: 1e-3, warmupSteps: 10 }).at(9, 100); // 1e-3
 * ```
 */
export function learningRate(spec: number | LearningRateSpec): LearningRate {
  const checked = parseOptions(learningRateSchema, spec, "learningRate()");
  if (typeof checked === "number") return { at: () => checked, toJSON: () => spec };
  const { kind, peak, warmupSteps, warmupRatio, final = 0 } = checked;
  return {
    at(step, steps) {
      const warmup = warmupSteps ?? Math.round((warmupRatio ?? 0) * steps);
      if (step < warmup) return peak * (step + 1) / warmup;
      const p = steps > warmup ? Math.min(1, (step - warmup) / (steps - warmup)) : 1;
      if (kind === "constant") return peak;
      const left = kind === "linear" ? 1 - p : (1 + Math.cos(Math.PI * p)) / 2;
      return final + (peak - final) * left;
    },
    toJSON: () => spec,
  };
}
