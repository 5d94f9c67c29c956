import type { Evaluation } from "../stages/evaluation.ts";
import type { TrainingRun } from "../training/run.ts";
import type { Comparison } from "./compare.ts";
import type { Release } from "./release.ts";

/** The environment in which a run was made. */
export interface Environment {
  /** Deno's version. */
  deno: string;
  /** V8's version. */
  v8: string;
  /** The operating system. */
  os: string;
  /** The processor's architecture. */
  arch: string;
  /** Logical cores. */
  cores: number;
  /** What computed: what `useBackend` said, or words. */
  backend: unknown;
}

/** `final_results.json`. A reader must check `version`, which grows when a field changes its meaning. */
export interface FinalResults {
  /** Names the form of the file. */
  schema: "showwork/final-results";
  /** Version of that form. */
  version: 1;
  /** ISO 8601, UTC. */
  exported: string;
  /** The run's name and its model, as figures and pages call it. */
  title: string;
  /** Which showwork made it. */
  showwork: Release;
  /** Where it ran. */
  environment: Environment;
  /** Training and evaluation together. */
  seconds: number;
  /** The configuration, every default filled in. */
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
