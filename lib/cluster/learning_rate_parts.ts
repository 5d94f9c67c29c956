import type { GrpoSection } from "./option_fate.ts";

/** A learning rate in the parts that trainers ask for. */
export interface LearningRateParts {
  kind: "constant" | "linear" | "cosine";
  peak: number;
  warmupSteps: number;
  /** The last value as a share of the peak. */
  finalRatio: number;
}

/** The parts of a learning rate over `steps` steps. */
export function learningRateParts(rate: GrpoSection["learningRate"], steps: number): LearningRateParts {
  if (typeof rate === "number") return { kind: "constant", peak: rate, warmupSteps: 0, finalRatio: 0 };
  const { kind = "constant", peak, warmupSteps, warmupRatio = 0, final = 0 } = rate;
  return {
    kind,
    peak,
    warmupSteps: warmupSteps ?? Math.round(warmupRatio * steps),
    finalRatio: final / peak,
  };
}
