import type { z } from "zod";
import { checkArgument } from "../options/check_argument.ts";
import type { Problem } from "../data/problem.ts";
import type { ResponseFormat } from "../formats/response_format.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { type CompositeOptions, compositeReward } from "../rewards/composite.ts";
import type { Reward, RewardFunction } from "../rewards/reward.ts";
import { curriculum, type CurriculumSpec } from "../schedules/curriculum.ts";
import { CheckpointError, loadCheckpoint } from "../training/checkpoint.ts";
import type { TrainingRun } from "../training/run.ts";
import { checkpointPath } from "./checkpoint_path.ts";
import { splitHooks, type StageHooks } from "./evaluation_inside.ts";
import { grpo } from "./grpo.ts";
import type { grpoSchema } from "./grpo_schema.ts";
import { sft } from "./sft.ts";
import type { sftSchema } from "./sft_schema.ts";

/** Options of {@linkcode resume}: the model and the problems that the run began with, and the hooks that it had. */
export interface ResumeOptions extends Omit<StageHooks, "resumeFrom"> {
  /** The model as it was when the run began, with its adapter added if it had one; its weights are replaced. */
  model: CausalLM;
  problems: Problem[];
  /** A format of your own, whose functions no checkpoint keeps. @default the checkpoint's configuration */
  format?: ResponseFormat;
  /** GRPO with functions of your own among its components needs them again. @default the checkpoint's configuration */
  reward?: Reward | RewardFunction;
}

/**
 * Goes on with a run that was stopped, from the run, a folder of checkpoints (the newest whole one) or one checkpoint, with the run's own
 * configuration: on the CPU it ends with the same bits as if it had never stopped.
 *
 * @throws {CheckpointError} when there is no whole checkpoint
 * @example
 * ```ts
 * const run = await resume("results/demo/checkpoints/grpo", { model, problems: data.train });
 * ```
 */
export async function resume(from: string | TrainingRun, options: ResumeOptions): Promise<TrainingRun> {
  checkArgument("resume's second argument", "options", options);
  checkArgument("`model` in resume's second argument", "model", options.model);
  const path = checkpointPath(from, "resume");
  const { model, problems, reward, format, ...rest } = options, { hooks } = splitHooks(rest);
  const { state, path: found } = await loadCheckpoint(path),
    { stage, name, config } = state as { stage: string; name: string; config: Record<string, unknown> };
  if (stage === "sft") {
    return await sft(model, problems, {
      ...config as z.input<typeof sftSchema>,
      ...(format ? { format } : {}),
      ...hooks,
      resumeFrom: found,
    });
  }
  if (stage !== "grpo") {
    throw new CheckpointError(
      `resuming ${found}: it is a checkpoint of ${stage}; only sft and grpo can be resumed so (pre-training: deno task pretrain --resume)`,
    );
  }
  const { reward: rewardSpec, curriculum: course, ...settings } = config;
  return await grpo(model, problems, {
    ...settings as z.input<typeof grpoSchema>,
    ...(format ? { format } : {}),
    ...hooks,
    name,
    reward: reward ?? compositeReward(rewardSpec as CompositeOptions),
    curriculum: curriculum(course as CurriculumSpec),
    resumeFrom: found,
  });
}
