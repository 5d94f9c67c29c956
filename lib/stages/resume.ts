import { checkArgument } from "../options/check_argument.ts";
import type { Problem } from "../data/problem.ts";
import type { ResponseFormat } from "../formats/response_format.ts";
import type { Teacher } from "../generation/teacher.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { type CompositeOptions, compositeReward } from "../rewards/composite.ts";
import type { Reward, RewardFunction } from "../rewards/reward.ts";
import { type Curriculum, curriculum, type CurriculumSpec } from "../schedules/curriculum.ts";
import { algorithms } from "../training/algorithms.ts";
import { CheckpointError, holdsCheckpoints, loadCheckpoint } from "../training/checkpoint.ts";
import type { TrainingRun } from "../training/run.ts";
import { bookkeeping } from "../training/run_checkpoints.ts";
import { checkpointPath } from "./checkpoint_path.ts";
import { distill } from "./distill.ts";
import type { DistillSettings } from "./distill_settings.ts";
import { splitHooks, type StageHooks } from "./evaluation_inside.ts";
import { grpo } from "./grpo.ts";
import type { GrpoSettings } from "./grpo_settings.ts";
import { sft } from "./sft.ts";
import type { SftSettings } from "./sft_settings.ts";

/** A stage's own options, any of them. */
export type ResumeSettings = Partial<SftSettings & GrpoSettings & DistillSettings>;

/**
 * Options of {@linkcode resume}: the problems that the run began with, the hooks that it had, and those of the stage's own options
 * that change from here on.
 */
export type ResumeOptions = Omit<StageHooks, "resumeFrom"> & Omit<ResumeSettings, "format"> & {
  /** The problems that the run began with. */
  problems: Problem[];
  /** What distillation learns from, as the run had it: no checkpoint keeps it. */
  teacher?: CausalLM | Teacher;
  /** A format of your own, whose functions no checkpoint keeps. @default the checkpoint's configuration */
  format?: ResponseFormat;
  /** A reward with functions of your own among its components needs them again. @default the checkpoint's configuration */
  reward?: Reward | RewardFunction;
  /** Another curriculum. @default the checkpoint's configuration */
  curriculum?: Curriculum;
  /** Another name in tables and figures. @default the run's */
  name?: string;
};

/** The settings to go on with, a fork's checkpoints in a folder of their own. */
async function changed(
  saved: Record<string, unknown>,
  settings: ResumeSettings,
  { step, path }: { step: number; path: string },
): Promise<Record<string, unknown>> {
  const own = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  if (saved.beta === 0 && own.beta !== undefined && own.beta !== 0) {
    throw new CheckpointError(
      `resuming ${path} with a beta: its run had beta 0, and so keeps no reference policy to measure KL by; to train its weights so, ` +
        "start a run of its own from them: restoreModel(model, path)",
    );
  }
  const kept = { ...saved };
  if (own.algorithm !== undefined && own.algorithm !== saved.algorithm) {
    // what the other algorithm filled in
    for (const key of [...Object.keys(algorithms.grpo), "klInReward"]) delete kept[key];
  }
  if (typeof saved.checkpoints === "string" && Object.keys(own).some((key) => !bookkeeping.has(key))) {
    const folder = `${saved.checkpoints}-fork-${step}`;
    let free = folder;
    for (let n = 2; await holdsCheckpoints(free); n++) free = `${folder}-${n}`;
    kept.checkpoints = free;
  }
  return { ...kept, ...own };
}

/**
 * Goes on with a run that was stopped, from the run, a folder of checkpoints (the newest whole one) or one checkpoint, with the run's own
 * configuration: on the CPU it ends with the same bits as if it had never stopped. `model` is the one that the run began with, its adapter
 * added if it had one; its weights are replaced by the checkpoint's.
 *
 * With other settings among the options it forks the run: the new one has the steps before the checkpoint and goes on with what was
 * given, its checkpoints in a folder of their own. Its `forkedFrom` says from which run, at which step and what changed there, as do
 * its table and its curves; the run it was forked from says it in `forks`, also when it is only on the disk (`loadRun`).
 *
 * @throws {CheckpointError} when there is no whole checkpoint, or the run cannot go on so
 * @throws {ConfigError} for an unknown or wrong option
 * @example
 * ```ts
 * import { learningCurves, loadDataset, loadModel, resume, sft } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * const run = await sft(model, data.train, { steps: 2, batchSize: 4, checkpointEvery: 1, checkpoints: await Deno.makeTempDir() });
 * const gentler = await resume(model, run, { problems: data.train, learningRate: 1e-5, steps: 3 });
 * learningCurves([run, gentler]);
 * ```
 */
export async function resume(
  model: CausalLM,
  from: string | TrainingRun,
  options: ResumeOptions,
): Promise<TrainingRun> {
  checkArgument("resume's first argument", "model", model);
  checkArgument("resume's third argument", "options", options);
  const path = checkpointPath(from, "resume");
  const { problems, teacher, reward, curriculum: otherCurriculum, name: otherName, format, ...rest } =
    options;
  const { hooks, settings } = splitHooks(rest);
  const { step, state, path: found } = await loadCheckpoint(path),
    { stage, name, config: saved } = state as {
      stage: string;
      name: string;
      config: Record<string, unknown>;
    };
  const config = {
    ...await changed(saved, settings, { step, path: found }),
    ...(format ? { format } : {}),
    ...hooks,
    resumeFrom: found,
  };
  let run: TrainingRun;
  if (stage === "sft") run = await sft(model, problems, config);
  else if (stage === "grpo" || stage === "distill") {
    const whole = {
      ...config,
      name: otherName ?? name,
      reward: reward ?? compositeReward(saved.reward as CompositeOptions),
      curriculum: otherCurriculum ?? curriculum(saved.curriculum as CurriculumSpec),
    };
    if (stage === "grpo") run = await grpo(model, problems, whole);
    else if (teacher) run = await distill(model, teacher, problems, whole);
    else {
      throw new CheckpointError(
        `resuming ${found}: a run of distill needs the teacher that it had, which no checkpoint keeps; give it as \`teacher\``,
      );
    }
  } else {
    throw new CheckpointError(
      `resuming ${found}: it is a checkpoint of ${stage}; sft, grpo and distill are resumed so; a stage of your own takes it as trainingLoop's resumeFrom (pre-training: deno task pretrain --resume)`,
    );
  }
  const fork = run.forkedFrom?.at(-1);
  if (typeof from === "object" && fork?.checkpoint === found) {
    (from.forks ??= []).push({ ...fork, run: run.name });
  }
  return run;
}
