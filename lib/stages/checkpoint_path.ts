import { ArgumentError } from "../options/argument_error.ts";
import { checkArgument } from "../options/check_argument.ts";
import type { TrainingRun } from "../training/run.ts";

/** Where to go on from: a path as it is, or a run's newest checkpoint. @throws {ArgumentError} for anything else */
export function checkpointPath(from: string | TrainingRun, call: string): string {
  if (typeof from !== "object" || from === null) {
    checkArgument(`what ${call} goes on from`, "path", from);
    return from as string;
  }
  checkArgument(`what ${call} goes on from`, "run", from);
  if (from.checkpoint) return from.checkpoint;
  throw new ArgumentError(
    `what ${call} goes on from must have a checkpoint, got the run ${from.name}, which kept none; train with { checkpointEvery: 10 }`,
  );
}
