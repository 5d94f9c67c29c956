import type { Problem } from "../data/problem.ts";
import type { CausalLM, Completion } from "../models/causal_lm.ts";
import { anneal } from "../schedules/anneal.ts";
import { learningRate } from "../schedules/learning_rate.ts";
import { entropyBonus, type EntropyBonusState } from "../training/entropy_bonus.ts";
import { ReferencePolicy } from "../training/reference_policy.ts";
import type { TrainingRun } from "../training/run.ts";
import { runOrigin } from "../training/run_origin.ts";
import { Trainer, type TrainerState } from "../training/trainer.ts";
import { type StepResult, trainingLoop } from "../training/training_loop.ts";
import { evaluationHook } from "./evaluation_inside.ts";
import { worstAhead } from "./findings_ahead.ts";
import { type GrpoOptions, readGrpoOptions } from "./grpo_options.ts";
import { wholeOptions } from "./grpo_schema.ts";
import { grpoStep } from "./grpo_step.ts";
import { policyGradients } from "./policy_gradients.ts";
import { rolloutAdvantages } from "./rollout_advantages.ts";
import type { AdvantagedBatch } from "./rollout_batch.ts";
import { keepsTokens } from "./rollout_metrics.ts";
import { Rollouts, type RolloutState } from "./rollouts.ts";

/** What a checkpoint keeps beside what trainer and rollouts keep. */
interface Held {
  bonus: EntropyBonusState;
  /** One batch serves `iterations` updates. */
  batch: AdvantagedBatch | null;
}

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
  const { config, hooks, name, problems, prompts, note, reward, curriculum, sampler } = readGrpoOptions(
    model,
    given,
    options,
  );
  const { decoder } = model, { steps, iterations, maxTokens, maskTruncated, beta } = config;
  const trainer = new Trainer(decoder, { ...config, learningRate: learningRate(config.learningRate) });
  const reference = beta === 0 ? null : await ReferencePolicy.of(decoder);
  const rollouts = new Rollouts(model, {
    problems,
    reward,
    curriculum,
    reference,
    config,
    sampler,
    budget: trainer.passes,
  });
  const bonus = entropyBonus(config);
  let batch: AdvantagedBatch | null = null;

  const sample = async (index: number, signal: AbortSignal): Promise<AdvantagedBatch> => {
    const sampled = await rollouts.sample(index, signal);
    return { ...sampled, advantages: rolloutAdvantages(sampled, { reward, config, index }) };
  };

  const update = async (
    index: number,
    batch: AdvantagedBatch,
    traced: readonly Completion[],
    signal: AbortSignal,
  ) => {
    const entropyCoef = bonus.weight(index);
    const settings = { reference, entropyCoef, budget: trainer.passes, config, index, traced, signal };
    const { metrics, traces, trainedEntropy, ...learned } = await policyGradients(decoder, batch, settings);
    const updated = await trainer.update(index, learned);
    await reference?.follow(index, config);
    bonus.observe(trainedEntropy);
    return {
      ...updated,
      metrics: { ...metrics, ...updated.metrics, ...bonus.on && { entropyCoef } },
      traces,
    };
  };

  const step = async (index: number, signal: AbortSignal): Promise<StepResult> => {
    const fresh = batch === null || index % iterations === 0, before = rollouts.state;
    try {
      batch = fresh ? await sample(index, signal) : batch!;
      const traced = fresh && keepsTokens(index, steps) ? batch.groups[0].completions : [];
      const started = performance.now(), updated = await update(index, batch, traced, signal);
      const trainingSeconds = (performance.now() - started) / 1000;
      const notes = [...rollouts.takeNotes(), ...updated.notes];
      const result = grpoStep({ batch, fresh, trainingSeconds, ...updated, notes }, {
        reward,
        config,
        index,
      });
      if (fresh) rollouts.observe(result.metrics.components?.correctness?.mean);
      return result;
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
        weights: decoder,
        name,
        title: `GRPO, ${config.promptsPerStep} prompts × ${config.generations} completions a step`,
        config: { ...wholeOptions(config), reward: reward.toJSON(), curriculum: curriculum.toJSON() },
        diagnosis: { stage: "grpo", steps, maxTokens, maskTruncated, beta: anneal(beta).at(0, steps) },
        origin: await runOrigin(decoder, problems, prompts.map(({ ids }) => ({ prompt: ids }))),
        notes: note === null ? [] : [note],
        worst: await worstAhead(decoder, prompts, config),
        step,
        async save() {
          const { tensors, state } = await trainer.save();
          const held = { ...rollouts.state, bonus: bonus.state, batch: iterations > 1 ? batch : null };
          return { tensors: { ...tensors, ...await reference?.state() }, state: { ...state, ...held } };
        },
        restore({ tensors, state }) {
          const held = state as TrainerState & RolloutState & Held;
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
