import { dirname } from "node:path";
import {
  type Checkpoint,
  CheckpointError,
  holdsCheckpoints,
  loadCheckpoint,
  saveCheckpoint,
} from "./checkpoint.ts";
import { type CheckpointsLock, lockCheckpoints } from "./lock_checkpoints.ts";
import { describeFork } from "./describe_fork.ts";
import { recordedForks, recordFork } from "./fork_record.ts";
import { isOwnCheckpoints, ownCheckpoints } from "./own_checkpoints.ts";
import type { CompletionRecord, Fork, StepMetrics, TrainingRun } from "./run.ts";
import { originMismatch, type RunOrigin } from "./run_origin.ts";

/** The part of a stage that goes into checkpoints. */
export interface CheckpointedStage {
  /** What kind of training it is. */
  stage: TrainingRun["stage"];
  /** The run's name. */
  name: string;
  /** Its options, every default filled in. */
  config: Record<string, unknown>;
  /** What the run begins with, and must go on with. */
  origin?: RunOrigin;
  /** All that the next step depends on. */
  save(): Promise<Pick<Checkpoint, "tensors" | "state">>;
  /** Takes a state back. */
  restore(checkpoint: Pick<Checkpoint, "tensors" | "state">): void;
}

/** Options of {@linkcode RunCheckpoints.open}. */
export interface RunCheckpointsOptions {
  /** The folder; `null`: one of the run's own, made when it is needed. */
  root: string | null;
  keepLast: number;
  /** The metric of the evaluations by which the best is kept, higher being better; `null` when there are none. */
  bestBy: string | null;
  /** A checkpoint to go on from, or a folder of them. */
  resumeFrom?: string;
  /** Aborts when what the stage has cannot be trusted any more, as on a lost GPU: then nothing is saved. */
  device?: AbortSignal | null;
}

/** What a checkpoint's state holds beside what the stage itself needs. */
interface History {
  /** Tells the run's checkpoints from those of others. */
  run: string;
  origin?: RunOrigin;
  stage: TrainingRun["stage"];
  name: string;
  config: Record<string, unknown>;
  steps: StepMetrics[];
  diagnoses: TrainingRun["diagnoses"];
  best?: TrainingRun["best"];
  forkedFrom?: Fork[];
  seconds: number;
  own: unknown;
}

/** Options that change nothing of what is learned. */
export const bookkeeping: ReadonlySet<string> = new Set([
  "checkpoints",
  "checkpointEvery",
  "keepCheckpoints",
  "maxMinutes",
  "evaluateEvery",
]);

/**
 * The checkpoints of one run: takes the folder for it, brings stage and run back from where they stopped, saves them, and knows the
 * best one.
 *
 * @example
 * ```ts
 * import type { TrainingRun } from "../../mod.ts";
 * const stage = { stage: "mine", name: "mine", config: {}, save: () => Promise.resolve({ tensors: {}, state: {} }), restore() {} };
 * const run: TrainingRun = { ...stage, steps: [], ended: "finished", seconds: 0, completions: [], diagnoses: [] };
 * using checkpoints = await RunCheckpoints.open(stage, run, { root: await Deno.makeTempDir(), keepLast: 2, bestBy: null });
 * await checkpoints.save(12.5, console.warn);
 * ```
 */
export class RunCheckpoints {
  /** What a person should know of how it began. */
  readonly notes: string[] = [];
  /** Seconds of the run before it was resumed. */
  seconds = 0;
  #id = crypto.randomUUID() as string;
  #root: string | null;
  /** Saved last by this process. */
  #last?: string;
  #lock: CheckpointsLock | null = null;

  private constructor(
    readonly stage: CheckpointedStage,
    readonly run: TrainingRun,
    readonly options: RunCheckpointsOptions,
  ) {
    this.#root = options.root;
  }

  /** @throws {CheckpointError} when the folder is another run's, or the run cannot go on from what is given */
  static async open(
    stage: CheckpointedStage,
    run: TrainingRun,
    options: RunCheckpointsOptions,
  ): Promise<RunCheckpoints> {
    const checkpoints = new RunCheckpoints(stage, run, options);
    if (options.root !== null) checkpoints.#lock = await lockCheckpoints(options.root, stage.name);
    try {
      if (options.resumeFrom !== undefined) await checkpoints.#restore(options.resumeFrom);
      else if (options.root !== null && await holdsCheckpoints(options.root)) {
        checkpoints.notes.push(
          `${options.root} holds checkpoints of an earlier run; they are left alone, remove them when they are not needed`,
        );
      }
    } catch (error) {
      checkpoints[Symbol.dispose]();
      throw error;
    }
    return checkpoints;
  }

  async #restore(from: string): Promise<void> {
    const { stage, run } = this,
      checkpoint = await loadCheckpoint(from),
      history = checkpoint.state as History;
    if (history.stage !== stage.stage) {
      throw new CheckpointError(
        `resuming ${stage.stage}: ${checkpoint.path} is a checkpoint of ${history.stage}`,
      );
    }
    const mismatch = history.origin && stage.origin && originMismatch(history.origin, stage.origin);
    if (mismatch) {
      throw new CheckpointError(
        `resuming ${stage.stage} from ${checkpoint.path}: ${mismatch}. To train its weights on something else, start a run of its ` +
          "own from them: restoreModel(model, path)",
      );
    }
    stage.restore({ tensors: checkpoint.tensors, state: history.own });
    Object.assign(run, {
      steps: history.steps,
      completions: checkpoint.lists?.completions as CompletionRecord[] ?? [],
      diagnoses: history.diagnoses,
      checkpoint: checkpoint.path,
      ...(history.best ? { best: history.best } : {}),
    });
    this.#consider(checkpoint.path, checkpoint.step, checkpoint.metrics);
    this.seconds = history.seconds;
    const changes: Fork["changes"] = {};
    for (const key of new Set([...Object.keys(history.config), ...Object.keys(stage.config)])) {
      const from = history.config[key] ?? null, to = stage.config[key] ?? null;
      if (!bookkeeping.has(key) && JSON.stringify(from) !== JSON.stringify(to)) changes[key] = { from, to };
    }
    const before = history.forkedFrom ?? [];
    // a fork is a run of its own, which leaves the checkpoints of the other alone
    if (!Object.keys(changes).length) {
      this.#id = history.run;
      if (before.length) run.forkedFrom = before;
      const forks = await recordedForks(checkpoint.path);
      if (forks.length) run.forks = forks;
      const root = dirname(checkpoint.path);
      if (this.#root === null && isOwnCheckpoints(root)) {
        this.#lock = await lockCheckpoints(root, stage.name);
        this.#root = root;
      }
      return;
    }
    const fork: Fork = { run: history.name, step: checkpoint.step, checkpoint: checkpoint.path, changes };
    run.forkedFrom = [...before, fork];
    await recordFork({ ...fork, run: stage.name }).catch((error) =>
      this.notes.push(
        `${fork.run} does not know of it, since that could not be written beside its checkpoints: ${error.message}`,
      )
    );
    this.notes.push(
      `goes on from step ${fork.step} of ${fork.run} (${fork.checkpoint}) with other settings: ${
        describeFork(fork).join(", ")
      }`,
    );
  }

  /** Saves stage and run, this session having lasted some seconds. @throws {CheckpointError} when it cannot be written */
  async save(session: number, warn: (message: string) => void): Promise<void> {
    const { stage, run, options } = this, { name, config, origin } = stage;
    const { tensors, state } = await stage.save(), step = run.steps.length;
    options.device?.throwIfAborted();
    this.#root ??= await ownCheckpoints(stage.name);
    const history: History = {
      run: this.#id,
      origin,
      stage: stage.stage,
      name,
      config,
      steps: run.steps,
      diagnoses: run.diagnoses,
      best: run.best,
      forkedFrom: run.forkedFrom,
      seconds: this.seconds + session,
      own: state,
    };
    const metrics = run.steps.at(-1)?.evaluation ?? {}, { completions } = run;
    run.checkpoint = this.#last = await saveCheckpoint(
      this.#root,
      { step, tensors, state: history, lists: { completions }, metrics },
      {
        keepLast: options.keepLast,
        best: options.bestBy === null ? undefined : { metric: options.bestBy },
        run: this.#id,
        after: this.#last,
        warn,
      },
    );
    this.#consider(run.checkpoint, step, metrics);
  }

  #consider(checkpoint: string, step: number, metrics: Record<string, number> = {}): void {
    const { run, options: { bestBy } } = this, value = metrics[bestBy ?? ""];
    if (bestBy === null || value === undefined || value <= (run.best?.value ?? -Infinity)) return;
    run.best = { step, metric: bestBy, value, checkpoint };
  }

  /** Gives the folder back. */
  [Symbol.dispose](): void {
    this.#lock?.release();
    this.#lock = null;
  }
}
