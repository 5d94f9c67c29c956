import { asProblems } from "../data/as_problems.ts";
import type { Problem } from "../data/problem.ts";
import { responseFormatOf } from "../formats/response_format_of.ts";
import type { Teacher } from "../generation/teacher.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { checkArgument } from "../options/check_argument.ts";
import { parseOptions } from "../options/parse_options.ts";
import { asReward } from "../rewards/as_reward.ts";
import { compositeReward } from "../rewards/composite.ts";
import type { Reward, RewardFunction } from "../rewards/reward.ts";
import { anneal } from "../schedules/anneal.ts";
import { type Curriculum, curriculum as makeCurriculum } from "../schedules/curriculum.ts";
import { learningRate } from "../schedules/learning_rate.ts";
import type { TrainingRun } from "../training/run.ts";
import { runOrigin } from "../training/run_origin.ts";
import { Trainer, type TrainerState } from "../training/trainer.ts";
import { type StepResult, trainingLoop } from "../training/training_loop.ts";
import { checkPhases } from "./check_phases.ts";
import { checkTeacher, isServer } from "./check_teacher.ts";
import { distillSchema } from "./distill_schema.ts";
import type { DistillSettings } from "./distill_settings.ts";
import { distillationGradients } from "./distillation_gradients.ts";
import { evaluationHook, splitHooks, type StageHooks } from "./evaluation_inside.ts";
import { fittingProblems } from "./fitting_problems.ts";
import { rolloutMetrics, rolloutRecords, rolloutSample } from "./rollout_metrics.ts";
import { Rollouts } from "./rollouts.ts";

/** Options of {@linkcode distill}: its configuration and hooks. */
export type DistillOptions = DistillSettings & StageHooks & {
  /** What completions are scored by, for the log alone: nothing of it is maximised. @default correctness */
  reward?: Reward | RewardFunction;
  /** Which problems are drawn when, from `curriculum`. @default R3's three phases */
  curriculum?: Curriculum;
  /** What tables and figures call the run. @default "distill" */
  name?: string;
};

/**
 * On-policy distillation: the student answers, and at every token of its own answer learns what the teacher would have said there.
 *
 * mean over tokens of KL(π_student ‖ π_teacher) = Σ_v π_student(v)·(log π_student(v) − log π_teacher(v)), with no gradient through the sampling: GKD with
 * λ = 1 and the reverse KL (Agarwal et al. 2024, arXiv 2306.13649; TRL's `GKDTrainer` with lmbda 1, beta 1). With a server, which says the log-probability of
 * the drawn token alone, or `divergence: "sampled"`, −(log π_student − log π_teacher) is each token's advantage (Thinking Machines 2025, "On-policy
 * distillation"). Beside GRPO it has a signal at every token instead of one a completion, and needs no reference answer.
 *
 * sample → teacher's log-probabilities → loss → update → log. A step is one optimizer update, from completions of its own. The teacher is not
 * changed and stays the caller's.
 *
 * @throws {ConfigError} for an unknown or wrong option, before any work
 * @throws {TeacherError} for a teacher of another vocabulary
 * @example
 * ```ts
 * import { distill, loadDataset, loadModel } from "../../mod.ts";
 * const student = await loadModel("data/models/tiny-gemma"), teacher = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 100 }] });
 * const run = await distill(student, teacher, data.train, { steps: 1, promptsPerStep: 2, maxTokens: 32 });
 * ```
 */
export async function distill(
  student: CausalLM,
  teacher: CausalLM | Teacher,
  given: Problem[],
  options: DistillOptions = {},
): Promise<TrainingRun> {
  checkArgument("distill's first argument", "model", student);
  checkArgument("distill's fourth argument", "options", options);
  const problems = asProblems(given, "distill"),
    { reward: measured, curriculum = makeCurriculum(), name = "distill", ...rest } = options,
    { hooks, settings } = splitHooks(rest as StageHooks);
  const config = parseOptions(distillSchema, settings as DistillSettings, "distill"),
    { steps, promptsPerStep, generations, maxTokens } = config;
  if (problems.length === 0) throw new RangeError("distill needs at least one problem, got none");
  await checkTeacher(student, teacher, config);
  const fitting = fittingProblems(student, problems, config);
  checkPhases(curriculum, fitting.problems, steps, "distill");
  const reward = measured
    ? asReward(measured)
    : compositeReward({ components: { correctness: { weight: 1 } } });

  const { decoder } = student, format = responseFormatOf(config.format);
  const trainer = new Trainer(decoder, { ...config, learningRate: learningRate(config.learningRate) });
  const rollouts = new Rollouts(student, {
    problems: fitting.problems,
    reward,
    curriculum,
    reference: null,
    config: {
      ...config,
      beta: 0,
      klInReward: false,
      dropZeroVariance: false,
      replay: null,
      importanceCorrection: null,
    },
  });

  const step = async (index: number, signal: AbortSignal): Promise<StepResult> => {
    const before = rollouts.state;
    try {
      const batch = await rollouts.sample(index, signal), sampled = performance.now();
      const { metrics, ...learned } = await distillationGradients(decoder, batch, {
        teacher,
        budget: trainer.passes,
        config,
        temperature: anneal(config.temperature).at(index, steps),
        index,
        signal,
      });
      const updated = await trainer.update(index, learned);
      const seconds = {
        sampling: batch.samplingSeconds,
        rewards: batch.rewardSeconds,
        training: (performance.now() - sampled) / 1000,
      };
      // groups of equal rewards teach as well as others here
      const { zeroVarianceFraction: _, ...rolled } = rolloutMetrics(
        batch,
        reward.weights(index, steps),
        format,
      );
      rollouts.observe(rolled.components?.correctness?.mean);
      return {
        metrics: {
          ...metrics,
          ...updated.metrics,
          ...rolled,
          tokensPerSecond: metrics.tokens / (seconds.sampling + seconds.rewards + seconds.training),
          seconds,
        },
        completions: rolloutRecords({ ...batch, stage: "distill" }, index + 1),
        texts: batch.sampled.flatMap(({ completions }) => completions.map(({ text }) => text)),
        sample: rolloutSample(batch.groups, format),
        notes: [...rollouts.takeNotes(), ...updated.notes],
        failure: updated.failure,
      };
    } catch (error) {
      // what a resume draws must be what this step drew
      rollouts.restore(before);
      throw error;
    }
  };

  try {
    return await trainingLoop(
      {
        stage: "distill",
        weights: decoder,
        name,
        title: `Distillation from ${
          isServer(teacher) ? teacher.name : teacher.source
        }, ${promptsPerStep} prompts × ${generations} completions a step`,
        config: { ...config, reward: reward.toJSON(), curriculum: curriculum.toJSON() },
        diagnosis: { stage: "distill", steps, maxTokens },
        origin: await runOrigin(
          decoder,
          fitting.problems,
          fitting.prompts.map(({ ids }) => ({ prompt: ids })),
        ),
        notes: fitting.note === null ? [] : [fitting.note],
        step,
        async save() {
          const { tensors, state } = await trainer.save();
          return { tensors, state: { ...state, ...rollouts.state } };
        },
        restore({ tensors, state }) {
          const held = state as TrainerState & Rollouts["state"];
          trainer.restore({ tensors, state: held });
          rollouts.restore(held);
        },
      },
      config,
      { ...hooks, evaluation: evaluationHook(student, hooks.evaluation) },
    );
  } finally {
    trainer.dispose();
  }
}
