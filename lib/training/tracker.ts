import type { StepMetrics, TrainingRun } from "./run.ts";

/** What a tracker is told of a run before its first step. */
export interface TrackedRun extends Pick<TrainingRun, "stage" | "name" | "config"> {
  /** The step that the run goes on from; `null` for one that begins. */
  resumedStep: number | null;
}

/**
 * Something beside the run that keeps its metrics: a file, or a service. Given to a stage in `trackers`; a fault of it never ends a run, is said once, and
 * what it could not take is given to it again with the next step.
 */
export interface Tracker {
  /** What messages call it. */
  readonly name: string;
  /** Opens its record of a run. Of a run that goes on, the steps after `resumedStep` will be made again, and count once. */
  begin(run: TrackedRun): void | Promise<void>;
  /** Takes steps, in order and each once, unless it threw at them before. */
  log(steps: readonly StepMetrics[]): void | Promise<void>;
  /** The run has ended so; nothing follows. */
  end(ended: TrainingRun["ended"]): void | Promise<void>;
}
