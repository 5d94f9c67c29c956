import type { z } from "zod";
import { checkArgument } from "../options/check_argument.ts";
import { parseOptions } from "../options/parse_options.ts";
import { asProblems } from "../data/as_problems.ts";
import type { Problem } from "../data/problem.ts";
import { responseFormatOf } from "../formats/response_format_of.ts";
import type { CausalLM, Completion } from "../models/causal_lm.ts";
import type { Sampler } from "../generation/sampler.ts";
import { asReward } from "../rewards/as_reward.ts";
import type { Reward, RewardFunction } from "../rewards/reward.ts";
import { anneal } from "../schedules/anneal.ts";
import { type Curriculum, curriculum as makeCurriculum } from "../schedules/curriculum.ts";
import { learningRate } from "../schedules/learning_rate.ts";
import { advantages } from "../training/advantages.ts";
import { advantagesByComponent } from "../training/advantages_by_component.ts";
import { entropyBonus, type EntropyBonusState } from "../training/entropy_bonus.ts";
import { runOrigin } from "../training/run_origin.ts";
import { ReferencePolicy } from "../training/reference_policy.ts";
import type { TrainingRun } from "../training/run.ts";
import { Trainer, type TrainerState } from "../training/trainer.ts";
import { type StepResult, trainingLoop } from "../training/training_loop.ts";
import { checkPhases } from "./check_phases.ts";
import { correctRollouts } from "./correct_rollouts.ts";
import { evaluationHook, splitHooks, type StageHooks } from "./evaluation_inside.ts";
import { fittingProblems } from "./fitting_problems.ts";
import { grpoSchema, wholeOptions } from "./grpo_schema.ts";
import { type PolicyGradientOptions, policyGradients, type TokenTrace } from "./policy_gradients.ts";
import { keepsTokens, rolloutMetrics, rolloutRecords, rolloutSample } from "./rollout_metrics.ts";
import { type RolloutBatch, Rollouts } from "./rollouts.ts";

/** Options of {@linkcode grpo}: its configuration (see `grpoSchema` for each default), what it maximises, and hooks. */
export type GrpoOptions = z.input<typeof grpoSchema> & StageHooks & {
  /** What is maximised, from `compositeReward`; or one function of a sample. */
  reward: Reward | RewardFunction;
  /** Which problems are drawn when, from `curriculum`. @default R3's three phases */
  curriculum?: Curriculum;
  /** What draws the completions, such as `vllmSampler`. @default the model itself */
  sampler?: Sampler;
  /** What tables and figures call the run. @default "grpo" */
  name?: string;
};

/** Rollouts in hand and what each completion is worth: one batch serves `iterations` updates. */
interface Batch extends RolloutBatch {
  /** One a completion, a row a group. */
  advantages: number[][];
}

type UpdateOptions = Pick<PolicyGradientOptions, "signal" | "watch">;

/**
 * Group relative policy optimisation (Shao et al. 2024, arXiv 2402.03300) and its family by options: RLOO, DAPO, Dr. GRPO,
 * BNPO, GSPO (`algorithm`), with TRL's semantics.
 *
 * sample → score → advantages → (iterations × micro-batches) loss → update → log. A step is one optimizer update.
 *
 * @throws {ConfigError} for an unknown or wrong option, before any work
 * @example
 * ```ts
 * import { compositeReward, grpo, loadDataset, loadModel } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma"), data = await loadDataset({ train: [{ source: "generator", count: 100 }] });
 * const reward = compositeReward({ preset: "r3" });
 * const run = await grpo(model, data.train, { steps: 1, promptsPerStep: 2, generations: 4, maxTokens: 32, reward });
 * ```
 */
export async function grpo(model: CausalLM, given: Problem[], options: GrpoOptions): Promise<TrainingRun> {
  checkArgument("grpo's first argument", "model", model);
  checkArgument("grpo's third argument", "options", options);
  const problems = asProblems(given, "grpo"),
    { reward: maximised, curriculum = makeCurriculum(), sampler, name = "grpo", ...rest } = options,
    { hooks, settings } = splitHooks(rest as StageHooks);
  const config = parseOptions(grpoSchema, settings as z.input<typeof grpoSchema>, "grpo"),
    { steps, iterations, maxTokens, maskTruncated } = config;
  if (problems.length === 0) throw new RangeError("grpo needs at least one problem, got none");
  if (!maximised) throw new TypeError("grpo needs a reward: pass { reward: compositeReward(config.reward) }");
  if (sampler?.foreign && config.replay !== null) {
    throw new RangeError(
      "grpo replays what its own sampler drew: the log-probabilities of another program's are corrected at the step they are drawn; leave " +
        "replay null, or sample here",
    );
  }
  const reward = asReward(maximised), fitting = fittingProblems(model, problems, config);
  checkPhases(curriculum, fitting.problems, steps);

  const { decoder } = model,
    format = responseFormatOf(config.format),
    trainer = new Trainer(decoder, { ...config, learningRate: learningRate(config.learningRate) });
  const reference = config.beta === 0 ? null : await ReferencePolicy.of(decoder);
  const rollouts = new Rollouts(model, { ...fitting, reward, curriculum, reference, config, sampler });
  const bonus = entropyBonus(config);
  let batch: Batch | null = null;

  const sample = async (index: number, signal: AbortSignal): Promise<Batch> => {
    const rolledOut = await rollouts.sample(index, signal), { groups, rewards } = rolledOut;
    if (sampler?.foreign && config.importanceCorrection) {
      const temperature = anneal(config.temperature).at(index, steps);
      const { importanceCorrection: correction } = config;
      await correctRollouts(decoder, rolledOut, { budget: trainer.passes, temperature, correction });
    }
    if (!config.normalizeThenSum) return { ...rolledOut, advantages: advantages(rewards, config) };
    const scores = groups.map((group) =>
      group.rewards.map(({ components }) => reward.names.map((component) => components[component].score))
    );
    const weights = Object.values(reward.weights(index, steps));
    return { ...rolledOut, advantages: advantagesByComponent(scores, { weights }) };
  };

  const update = async (index: number, batch: Batch, { signal, watch }: UpdateOptions) => {
    const entropyCoef = bonus.weight(index);
    const { metrics, trainedEntropy, ...loss } = await policyGradients(decoder, batch, {
      reference,
      entropyCoef,
      budget: trainer.passes,
      config,
      index,
      signal,
      watch,
    });
    const updated = await trainer.update(index, loss);
    if (reference && config.referenceEvery !== null && (index + 1) % config.referenceEvery === 0) {
      await reference.refresh(config.referenceMixup);
    }
    bonus.observe(trainedEntropy);
    return {
      ...updated,
      metrics: {
        ...metrics,
        ...updated.metrics,
        entropyCoef: bonus.on ? entropyCoef : undefined,
      },
    };
  };

  const step = async (index: number, signal: AbortSignal): Promise<StepResult> => {
    const fresh = batch === null || index % iterations === 0, before = rollouts.state;
    try {
      const current = fresh ? await sample(index, signal) : batch!, sampled = performance.now();
      batch = current;
      const first = new Set(current.groups[0].completions);
      const traces = fresh && keepsTokens(index, steps) ? new Map<Completion, TokenTrace>() : undefined;
      const { metrics, notes, failure } = await update(index, current, {
        signal,
        watch: traces && ((rollout, values) => void (first.has(rollout) && traces.set(rollout, values))),
      });
      const rolled = rolloutMetrics(current, reward.weights(index, steps), format),
        seconds = {
          sampling: fresh ? current.samplingSeconds : 0,
          rewards: fresh ? current.rewardSeconds : 0,
          training: (performance.now() - sampled) / 1000,
        };
      if (fresh) rollouts.observe(rolled.components?.correctness?.mean);
      return {
        metrics: {
          ...metrics,
          ...rolled,
          droppedGroups: config.dropZeroVariance ? current.dropped : undefined,
          replayedGroups: config.replay === null ? undefined : current.replayed,
          tokensPerSecond: metrics.tokens / (seconds.sampling + seconds.rewards + seconds.training),
          seconds,
        },
        completions: fresh ? rolloutRecords({ ...current, traces }, index + 1) : [],
        texts: current.sampled.flatMap(({ completions }) => completions.map(({ text }) => text)),
        sample: rolloutSample(current.groups, format),
        notes,
        failure,
      };
    } catch (error) {
      // what a resume draws must be what this step drew
      if (fresh) batch = null, rollouts.restore(before);
      throw error;
    }
  };

  try {
    return await trainingLoop(
      {
        stage: "grpo",
        weights: model.decoder,
        name,
        title: `GRPO, ${config.promptsPerStep} prompts × ${config.generations} completions a step`,
        config: { ...wholeOptions(config), reward: reward.toJSON(), curriculum: curriculum.toJSON() },
        diagnosis: { stage: "grpo", steps, maxTokens, maskTruncated, beta: anneal(config.beta).at(0, steps) },
        origin: await runOrigin(
          decoder,
          fitting.problems,
          fitting.prompts.map(({ ids }) => ({ prompt: ids })),
        ),
        notes: fitting.note === null ? [] : [fitting.note],
        step,
        async save() {
          const { tensors, state } = await trainer.save();
          return {
            tensors: { ...tensors, ...await reference?.state() },
            state: {
              ...state,
              ...rollouts.state,
              bonus: bonus.state,
              batch: iterations > 1 ? batch : null,
            },
          };
        },
        restore({ tensors, state }) {
          const held = state as TrainerState & Rollouts["state"] & {
            bonus: EntropyBonusState;
            batch: Batch | null;
          };
          trainer.restore({ tensors, state: held });
          reference?.restore(tensors);
          rollouts.restore(held);
          bonus.state = held.bonus;
          batch = held.batch;
        },
      },
      config,
      { ...hooks, evaluation: evaluationHook(model, hooks.evaluation) },
    );
  } finally {
    reference?.dispose();
    trainer.dispose();
  }
}
