import type { Evaluation } from "../stages/evaluation.ts";
import type { TrainingRun } from "../training/run.ts";
import type { Comparison } from "./compare.ts";
import type { Release } from "./release.ts";

/** The environment in which a run was made. */
export interface Environment {
  deno: string;
  v8: string;
  os: string;
  arch: string;
  cores: number;
  backend: unknown;
}

/** `final_results.json`. A reader must check `version`, which grows when a field changes its meaning. */
export interface FinalResults {
  schema: "showwork/final-results";
  version: 1;
  /** ISO 8601, UTC. */
  exported: string;
  /** The run's name and its model, as figures and pages call it. */
  title: string;
  /** Which showwork made it. */
  showwork: Release;
  environment: Environment;
  /** Training and evaluation together. */
  seconds: number;
  config: unknown;
  /** Every run without its steps and completions, which are in `metrics.jsonl` and `completions.jsonl`. */
  runs: (Omit<TrainingRun, "steps" | "completions"> & { stepCount: number; last: unknown })[];
  /** Every evaluation without its items, which are in `completions.jsonl`. */
  evaluations: Record<
    string,
    Omit<Evaluation, "items"> & { calibration: { ece: number | null; brier: number | null } }
  >;
  /** `null` with fewer than two evaluations. */
  comparison: Comparison | null;
  /** What was found when the weights or the adapter were read back (`ReadBack`); `null` when none were written. */
  readBack: unknown;
  /** Every file of the export, relative to the folder. */
  files: string[];
}
