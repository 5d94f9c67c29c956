import { type Checkpoint, CheckpointError, loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import type { DiagnosisContext } from "./diagnose.ts";
import { diagnostician } from "./diagnostician.ts";
import { metricsLog } from "./metrics.ts";
import { type ObservedSample, observer } from "./observer.ts";
import type { CompletionRecord, StepMetrics, TrainingRun } from "./run.ts";
import { runTable } from "./run_table.ts";

/** What both training stages may be told beside their numbers. */
export interface LoopOptions {
  /** Updates in all. */
  steps: number;
  /** Ends the stage after the step during which this many minutes have passed, with a checkpoint. `null`: no limit. */
  maxMinutes?: number | null;
  /** A checkpoint every so many steps; `null`: only when the stage ends early. */
  checkpointEvery?: number | null;
  /** The folder for checkpoints; `null`: a temporary one, made when it is needed. */
  checkpoints?: string | null;
  /** How many checkpoints to keep. @default 2 */
  keepCheckpoints?: number;
  /** Evaluate every so many steps; `null`: never. */
  evaluateEvery?: number | null;
}

/** What a caller may hook into a stage; not part of its configuration. */
export interface LoopHooks {
  /** Called after every step. */
  onStep?: (metrics: StepMetrics) => void;
  /** Ends the stage after the current step when it aborts. */
  signal?: AbortSignal;
  /** A checkpoint to go on from: a folder of checkpoints, or one checkpoint. */
  resumeFrom?: string;
  /** Metrics are appended to this file as they come. */
  metricsFile?: string;
  /** Judges the model during training, every `evaluateEvery` steps; the best checkpoint by accuracy is kept. */
  evaluation?: () => Promise<{ accuracy: number; formatRate: number }>;
}

/** Parts a stage's options into its configuration and its hooks. */
export function splitHooks<T extends LoopHooks>(options: T) {
  const { onStep, signal, resumeFrom, metricsFile, evaluation, ...settings } = options;
  return { hooks: { onStep, signal, resumeFrom, metricsFile, evaluation }, settings };
}

/** One step of a stage. */
export interface StepResult {
  metrics: Omit<StepMetrics, "step" | "seconds"> & { seconds: Omit<StepMetrics["seconds"], "total"> };
  /** Records to keep. */
  completions?: CompletionRecord[];
  /** All texts of the step, for the diagnosis. */
  texts?: string[];
  sample?: ObservedSample;
  /** A run that must stop says why; its weights are those of the last good update. */
  failure?: string;
}

/** A stage as the loop sees it. */
export interface LoopStage {
  stage: "pretrain" | "sft" | "grpo";
  name: string;
  title: string;
  config: Record<string, unknown>;
  diagnosis: DiagnosisContext;
  /** Makes step number `index` (from 0): exactly one optimizer update, or a skipped one. */
  step(index: number, signal: AbortSignal): Promise<StepResult>;
  /** All that the next step depends on. */
  save(): Promise<Pick<Checkpoint, "tensors" | "state">>;
  restore(checkpoint: Pick<Checkpoint, "tensors" | "state">): void;
}

interface History {
  stage: LoopStage["stage"];
  name: string;
  config: Record<string, unknown>;
  steps: StepMetrics[];
  completions: CompletionRecord[];
  diagnoses: TrainingRun["diagnoses"];
  seconds: number;
  own: unknown;
}

/**
 * Runs a stage's steps: progress, stop button, time limit, checkpoints, metrics file, diagnosis. A step is one optimizer
 * update. Between steps it waits for a macrotask, so that a signal is seen.
 */
export async function trainingLoop(
  stage: LoopStage,
  options: LoopOptions,
  hooks: LoopHooks = {},
): Promise<TrainingRun> {
  const { steps, maxMinutes = null, checkpointEvery = null, keepCheckpoints = 2, evaluateEvery = null } =
    options;
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
  let root = options.checkpoints ?? null, before = 0;
  if (hooks.resumeFrom) {
    const checkpoint = await loadCheckpoint(hooks.resumeFrom), history = checkpoint.state as History;
    if (history.stage !== stage.stage) {
      throw new CheckpointError(
        `resuming ${stage.stage}: ${checkpoint.path} is a checkpoint of ${history.stage}`,
      );
    }
    stage.restore({ tensors: checkpoint.tensors, state: history.own });
    Object.assign(run, {
      steps: history.steps,
      completions: history.completions,
      diagnoses: history.diagnoses,
      checkpoint: checkpoint.path,
    });
    before = history.seconds;
  }
  const log = hooks.metricsFile
    ? metricsLog(hooks.metricsFile, { resumedStep: hooks.resumeFrom ? run.steps.length : null })
    : null;
  const watch = diagnostician(stage.diagnosis, run.steps),
    view = observer().view({ title: stage.title, total: steps }),
    stop = observer().stop();
  const started = performance.now(), session = () => (performance.now() - started) / 1000;
  const save = async () => {
    root ??= await Deno.makeTempDir({ prefix: "showwork-checkpoints-" });
    const { tensors, state } = await stage.save(), { name, config } = stage, last = run.steps.at(-1);
    const history: History = {
      stage: stage.stage,
      name,
      config,
      steps: run.steps,
      completions: run.completions,
      diagnoses: run.diagnoses,
      seconds: before + session(),
      own: state,
    };
    const metrics: Record<string, number> = last?.evaluation ? { accuracy: last.evaluation.accuracy } : {};
    try {
      run.checkpoint = await saveCheckpoint(root, {
        step: run.steps.length,
        tensors,
        state: history,
        metrics,
      }, { keepLast: keepCheckpoints, best: hooks.evaluation ? { metric: "accuracy" } : undefined });
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      view.note(`No checkpoint was saved at step ${run.steps.length}: ${error.message} Training goes on.`);
    }
  };
  try {
    for (let index = run.steps.length; index < steps; index++) {
      const from = performance.now();
      const { metrics, completions = [], texts, sample, failure } = await stage.step(index, stop.signal);
      const complete: StepMetrics = {
        step: index + 1,
        ...metrics,
        seconds: { ...metrics.seconds, total: (performance.now() - from) / 1000 },
      };
      if (hooks.evaluation && evaluateEvery && ((index + 1) % evaluateEvery === 0 || index + 1 === steps)) {
        complete.evaluation = await hooks.evaluation();
      }
      run.steps.push(complete);
      run.completions.push(...completions);
      for (const { rule, message } of watch.observe(complete, texts)) {
        run.diagnoses.push({ step: index + 1, rule, message });
        view.note(`Step ${index + 1}: ${message}`);
      }
      log?.append(complete);
      view.update({ ...complete }, sample);
      hooks.onStep?.(complete);
      // A timer, because setImmediate lets up to ten turns pass before a signal is seen: ■ would come seconds late.
      await new Promise((done) => setTimeout(done));
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
      const due = checkpointEvery !== null && (index + 1) % checkpointEvery === 0;
      if (run.ended !== "finished" || due || complete.evaluation) await save();
      if (run.ended !== "finished") break;
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    [run.ended, run.reason] = [
      "interrupted",
      `stopped at once during step ${run.steps.length + 1} of ${steps}`,
    ];
    await save();
  } finally {
    stop.release();
    run.seconds = before + session();
    log?.close();
    if (run.reason) view.note(`${run.reason}${run.checkpoint ? `; resume from ${run.checkpoint}` : ""}`);
    await view.end(run.ended);
  }
  return runTable(run);
}
