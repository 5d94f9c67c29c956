import { deviceLoss } from "../backend/webgpu_device.ts";
import { describeTraining, noteTraining, trainedBefore } from "../models/trained_weights.ts";
import { breathe } from "./breathe.ts";
import { CheckpointError } from "./checkpoint.ts";
import type { DiagnosisContext } from "./diagnose.ts";
import { diagnostician } from "./diagnostician.ts";
import { type MetricsLog, metricsLog } from "./metrics.ts";
import {
  insideStage,
  type NoteLevel,
  type ObservedSample,
  observer,
  type StageView,
} from "../display/observer.ts";
import type { CompletionRecord, StepMetrics, TrainingRun } from "./run.ts";
import { type CheckpointedStage, RunCheckpoints } from "./run_checkpoints.ts";
import { runTable } from "./run_table.ts";
import { runTrackers } from "./run_trackers.ts";
import type { Tracker } from "./tracker.ts";
import { TrainingError } from "./training_error.ts";
import { untilAborted } from "./until_aborted.ts";

/** What the loop of every training stage may be told. */
export interface LoopOptions {
  /** Updates in all. */
  steps: number;
  /** Ends the stage after the step during which this many minutes have passed, with a checkpoint. `null`: no limit. */
  maxMinutes?: number | null;
  /**
   * A checkpoint every so many steps; `null`: when the stage ends early, and on a GPU, which can be lost with all that
   * it holds, after the first step and then every ten minutes, and before what keeps the host waiting for a minute: steps that take
   * so long, and an evaluation after as much training. A GPU that is lost while it is read may end the process.
   */
  checkpointEvery?: number | null;
  /** The folder for checkpoints; `null`: `results/checkpoints/NAME-1`, or the next number, made when it is needed. */
  checkpoints?: string | null;
  /** How many checkpoints to keep. @default 2 */
  keepCheckpoints?: number;
  /** Evaluate every so many steps and after the last; `null`: every tenth of the run. */
  evaluateEvery?: number | null;
  /** The task metric by which the best checkpoint is chosen, higher being better. @default "accuracy" */
  bestBy?: string;
}

/** What a caller may hook into a stage; not part of its configuration. */
export interface LoopHooks {
  /** Called after every step. */
  onStep?: (metrics: StepMetrics) => void;
  /** Ends the stage after the current step when it aborts. */
  signal?: AbortSignal;
  /** A checkpoint to go on from: a folder of checkpoints, or one checkpoint. */
  resumeFrom?: string;
  /** Metrics are appended to this file as they come; its folder is made when it is missing. */
  metricsFile?: string;
  /** What keeps the metrics beside the run, such as `tensorBoardTracker`; a fault there never ends the run. */
  trackers?: readonly Tracker[];
  /** Judges the model during training, every `evaluateEvery` steps; the best checkpoint by `bestBy` is kept. */
  evaluation?: () => Promise<Record<string, number>>;
}

/** One step of a stage. */
export interface StepResult {
  /** The step's numbers. */
  metrics: Omit<StepMetrics, "step" | "seconds"> & { seconds: Omit<StepMetrics["seconds"], "total"> };
  /** Records to keep. */
  completions?: CompletionRecord[];
  /** All texts of the step, for the diagnosis. */
  texts?: string[];
  /** A completion worth showing. */
  sample?: ObservedSample;
  /** What a person should know of it. */
  notes?: string[];
  /** A run that must stop says why; its weights are those of the last good update. */
  failure?: string;
}

/** A stage as the loop sees it. When a step throws, what `save` gives is the state before the step. */
export interface LoopStage extends CheckpointedStage {
  /** What is trained, known again when another stage trains it. */
  weights?: object;
  /** What its panel says. */
  title: string;
  /** What the rules of the diagnosis need to know. */
  diagnosis: DiagnosisContext;
  /** What a person should know before the first step. */
  notes?: string[];
  /** The most serious finding against the run, shown before the first step too. */
  worst?: { text: string; level: NoteLevel } | null;
  /** Makes step number `index` (from 0): exactly one optimizer update, or a skipped one. */
  step(index: number, signal: AbortSignal): Promise<StepResult>;
}

/** On a GPU, when nothing else was asked for: between checkpoints, and what may be lost to a read. */
const secondsBetweenCheckpoints = 600, secondsAtRisk = 60;

/**
 * Runs a stage's steps: progress, stop button, time limit, checkpoints, evaluations, metrics file, diagnosis. A step is one
 * optimizer update. Between steps it waits for a macrotask, so that a signal is seen.
 *
 * @throws {TrainingError} when a later step than the first fails, or the GPU is lost: it says when, and from where to go on
 */
export async function trainingLoop(
  stage: LoopStage,
  options: LoopOptions,
  hooks: LoopHooks = {},
): Promise<TrainingRun> {
  const { steps, maxMinutes = null, checkpointEvery = null, keepCheckpoints = 2, bestBy = "accuracy" } =
    options;
  const evaluateEvery = options.evaluateEvery ?? Math.max(1, Math.round(steps / 10));
  const run: TrainingRun = {
    stage: stage.stage,
    name: stage.name,
    steps: [],
    ended: "finished",
    config: stage.config,
    seconds: 0,
    completions: [],
    diagnoses: [],
  };
  const device = deviceLoss();
  using checkpoints = await RunCheckpoints.open(stage, run, {
    root: options.checkpoints ?? null,
    keepLast: keepCheckpoints,
    bestBy: hooks.evaluation ? bestBy : null,
    resumeFrom: hooks.resumeFrom,
    device,
  });
  const log = hooks.metricsFile
    ? metricsLog(hooks.metricsFile, { resumedStep: hooks.resumeFrom ? run.steps.length : null })
    : null;
  const watch = diagnostician(stage.diagnosis, run.steps),
    view = observer().view({ title: stage.title, total: steps }),
    stop = observer().stop();
  const trackers = runTrackers(
    hooks.trackers ?? [],
    {
      stage: stage.stage,
      name: stage.name,
      config: stage.config,
      resumedStep: hooks.resumeFrom ? run.steps.length : null,
    },
    (text) => view.note(text, "warning"),
  );
  const started = performance.now(), session = () => (performance.now() - started) / 1000;
  const resumedAt = run.steps.length;
  let savedAt = -Infinity, logged = run.steps.length;
  const save = async () => {
    try {
      await checkpoints.save(session(), view.note);
      savedAt = session();
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      view.note(
        `No checkpoint was saved at step ${run.steps.length}: ${error.message}. Training goes on.`,
        "warning",
      );
    }
  };
  const measure = async () => {
    const measured = await insideStage(stop.signal, hooks.evaluation!);
    // what was cut short measures nothing
    stop.signal.throwIfAborted();
    if (!Number.isFinite(measured[bestBy])) {
      throw new RangeError(
        `evaluating during training: bestBy names the metric "${bestBy}", and the evaluation gave ${
          JSON.stringify(measured)
        }; return it as a number, or name another`,
      );
    }
    return measured;
  };
  try {
    const before = stage.weights ? trainedBefore(stage.weights) : [];
    if (before.length && !hooks.resumeFrom) {
      run.trainedBefore = before;
      view.note(describeTraining(before));
    }
    for (const note of [...stage.notes ?? [], ...checkpoints.notes]) view.note(note);
    if (stage.worst) view.note(stage.worst.text, stage.worst.level);
    for (let index = run.steps.length; index < steps; index++) {
      const from = performance.now();
      const { metrics, completions = [], texts, sample, notes = [], failure } = await untilAborted(
        stage.step(index, stop.signal),
        device,
      );
      device?.throwIfAborted();
      const complete: StepMetrics = {
        step: index + 1,
        ...metrics,
        seconds: { ...metrics.seconds, total: (performance.now() - from) / 1000 },
      };
      for (const note of notes) view.note(`Step ${index + 1}: ${note}`);
      run.steps.push(complete);
      run.completions.push(...completions);
      const guarded = device !== null && checkpointEvery === null;
      if (hooks.evaluation && ((index + 1) % evaluateEvery === 0 || index + 1 === steps)) {
        if (guarded && session() - savedAt > secondsAtRisk) await save();
        complete.evaluation = await untilAborted(measure(), device);
      }
      for (const { rule, level, message } of watch.observe(complete, texts)) {
        run.diagnoses.push({ step: index + 1, rule, message });
        view.note(`Step ${index + 1}: ${message}`, level);
      }
      if (log) append(log, complete, view.note);
      logged = run.steps.length;
      trackers.log(complete);
      view.update({ ...complete }, sample);
      hooks.onStep?.(complete);
      await breathe(stop.signal);
      device?.throwIfAborted();
      const more = index + 1 < steps, late = maxMinutes !== null && session() > maxMinutes * 60;
      if (failure) [run.ended, run.reason] = ["failed", failure];
      else if (more && (stop.pressed || hooks.signal?.aborted)) {
        [run.ended, run.reason] = ["interrupted", `stopped after step ${index + 1} of ${steps}`];
      } else if (more && late) {
        [run.ended, run.reason] = [
          "time limit",
          `${maxMinutes} minutes passed after step ${index + 1} of ${steps}`,
        ];
      }
      const due = checkpointEvery !== null ? (index + 1) % checkpointEvery === 0 : guarded &&
        (session() - savedAt > secondsBetweenCheckpoints || complete.seconds.total > secondsAtRisk);
      if (run.ended !== "finished" || due || complete.evaluation) await save();
      if (run.ended !== "finished") break;
    }
  } catch (error) {
    const made = run.steps.length, lost = device?.aborted === true;
    if (log && logged < made) append(log, run.steps[made - 1], view.note);
    if (!stop.signal.aborted || lost) {
      if (made === resumedAt && !lost) throw error;
      // whatever a step needs more of than there is (memory, say), the steps before it are not lost with it
      if (!lost) {
        await save().catch((cause) =>
          view.note(`The state could not be saved: ${message(cause)}`, "problem")
        );
      }
      const cause = lost ? device.reason : error;
      [run.ended, run.reason] = ["failed", message(cause)];
      throw new TrainingError(runTable(run), { steps, lost, cause });
    }
    [run.ended, run.reason] = ["interrupted", `stopped at once after step ${made} of ${steps}`];
    await save();
  } finally {
    stop.release();
    if (stage.weights) noteTraining(stage.weights, { name: stage.name, steps: run.steps.length - resumedAt });
    run.seconds = checkpoints.seconds + session();
    log?.close();
    await trackers.end(run.ended);
    if (run.reason) view.note(`${run.reason}${run.checkpoint ? `; resume from ${run.checkpoint}` : ""}`);
    await view.end(run.ended);
  }
  return runTable(run);
}

/** A log that cannot be written, as on a full disk, is no reason to stop: it keeps its lines for the next step. */
function append(log: MetricsLog, metrics: StepMetrics, note: StageView["note"]) {
  try {
    log.append(metrics);
  } catch (error) {
    note(
      `The metrics file could not be written: ${message(error)}. Training goes on; its lines are kept.`,
      "warning",
    );
  }
}

const message = (error: unknown) => error instanceof Error ? error.message : String(error);
