import type { Evaluation } from "./evaluation.ts";
import type { Difference } from "./statistics.ts";

/** Settings of one configuration of an experiment. */
export type Settings = Record<string, unknown>;

/** One run: a configuration with a seed. */
export interface ExperimentRun {
  /** The settings' name. */
  name: string;
  /** What was set. */
  settings: Settings;
  /** Its seed. */
  seed: number;
  /** What was measured, by name. */
  measures: Record<string, number>;
  /** With its items, where an evaluation was given. */
  evaluation?: Evaluation;
  /** How long it took. */
  seconds: number;
}

/** A configuration over its seeds. */
export interface ExperimentGroup {
  /** The settings' name. */
  name: string;
  /** What was set. */
  settings: Settings;
  /** Seeds of its runs. */
  seeds: number[];
  /** Means over seeds with t intervals; one seed has none. */
  measures: Record<string, Difference>;
  /** Less the first configuration's, seed by seed; empty for the first and without common seeds. */
  differences: Record<string, Difference>;
}

/** What `experiment` returns: plain data that displays as a table. */
export interface Experiment {
  /** Whether all runs were made. */
  ended: "finished" | "interrupted";
  /** Runs of the same settings together. */
  groups: ExperimentGroup[];
  /** Every run. */
  runs: ExperimentRun[];
  /** How long it took. */
  seconds: number;
}

/** What one run of an experiment measured. */
export type Measured = Evaluation | Record<string, number>;

/** Trains and evaluates one configuration, from a fresh model, and disposes of it. */
export type ExperimentFunction = (
  settings: Settings,
  context: { seed: number; name: string },
) => Promise<Measured> | Measured;
