import { PlainError } from "../display/plain_error.ts";
import type { TrainingRun } from "./run.ts";

/** How a stage failed. */
export interface TrainingErrorOptions {
  /** Steps that the stage was to make. */
  steps: number;
  /** Whether the device was lost, or what it computes cannot be trusted. */
  lost: boolean;
  /** What went wrong. */
  cause: unknown;
}

/**
 * A training step that failed: what happened, after which step, and from which checkpoint to go on. `run` holds the steps
 * that were made, so that they can still be drawn and exported.
 */
export class TrainingError extends PlainError {
  /** What tells it from other errors. */
  override name = "TrainingError";

  /** Holds the run so far, and says from where it can go on. */
  constructor(readonly run: TrainingRun, { steps, lost, cause }: TrainingErrorOptions) {
    const what = cause instanceof Error ? cause.message : String(cause), at = run.checkpoint;
    const anew = lost ? "call useBackend(), load the model again and " : "";
    const saved = at === undefined
      ? "No checkpoint had been saved: start anew, with checkpointEvery to save more often"
      : `The last checkpoint is ${at}: ${anew}go on with resume(model, ${JSON.stringify(at)}, { problems })` +
        (lost ? "; steps made after it are made again" : "");
    super(`${run.name} failed after ${run.steps.length} of ${steps} steps: ${what}. ${saved}.`, { cause });
  }
}
