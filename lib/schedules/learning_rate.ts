/** A learning rate's curve. */
export interface LearningRateSpec {
  /** @default "constant" */
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
  toJSON(): number | LearningRateSpec;
}

/**
 * A learning rate from its description: linear warm-up (step + 1)/warm-up, then constant, or linear or cosine to `final`
 * (transformers' `get_cosine_schedule_with_warmup`, counted from 0).
 *
 * @throws {RangeError} when the description makes no sense
 * @example
 * ```ts
 * import { learningRate } from "../../mod.ts";
 * learningRate({ kind: "cosine", peak: 1e-3, warmupSteps: 10 }).at(9, 100); // 1e-3
 * ```
 */
export function learningRate(spec: number | LearningRateSpec): LearningRate {
  if (typeof spec === "number") {
    if (!(spec > 0)) throw new RangeError(`learningRate() needs a rate above 0, got ${spec}`);
    return { at: () => spec, toJSON: () => spec };
  }
  const { kind = "constant", peak, warmupSteps, warmupRatio, final = 0 } = spec;
  const fault = (rule: string) => new RangeError(`learningRate() needs ${rule}, got ${JSON.stringify(spec)}`);
  if (!(peak > 0)) throw fault("a peak above 0");
  if (warmupSteps !== undefined && warmupRatio !== undefined) {
    throw fault("warmupSteps or warmupRatio, not both");
  }
  if (!(final >= 0 && final <= peak)) throw fault("`final` from 0 to the peak");
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
