import type { z } from "zod";
import { parseOptions } from "../options/parse_options.ts";
import type { Problem } from "../data/problem.ts";
import { Random } from "../random/random.ts";
import { counterUniform } from "../random/counter_random.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import type { Reward } from "../rewards/reward.ts";
import { anneal } from "../schedules/anneal.ts";
import { type Curriculum, curriculum as makeCurriculum } from "../schedules/curriculum.ts";
import { learningRate } from "../schedules/learning_rate.ts";
import { advantages } from "../training/advantages.ts";
import { advantagesByComponent } from "../training/advantages_by_component.ts";
import { addGradients, backward, disposeGradients, type Gradients } from "../training/backward.ts";
import { breathe } from "../training/breathe.ts";
import { klInReward } from "../training/kl_in_reward.ts";
import { microBatches } from "../training/micro_batches.ts";
import { AdamW } from "../training/optimizer.ts";
import { policyLoss } from "../training/policy_loss.ts";
import { ReferencePolicy } from "../training/reference_policy.ts";
import type { TrainingRun } from "../training/run.ts";
import { TokenBatch } from "../training/token_batch.ts";
import { trainingLoop } from "../training/training_loop.ts";
import { updateGuard } from "../training/update_guard.ts";
import { evaluationHook, splitHooks, type StageHooks } from "./evaluation_inside.ts";
import { grpoSchema } from "./grpo_schema.ts";
import { rolloutMetrics, rolloutRecords } from "./rollout_metrics.ts";
import { rollOut, type RolloutGroup, withoutSignal } from "./rollout.ts";
import { parameterState, restoreParameters } from "./training_state.ts";

/** Options of {@linkcode grpo}: its configuration (see `grpoSchema` for each default), what it maximises, and hooks. */
export type GrpoOptions = z.input<typeof grpoSchema> & StageHooks & {
  /** What is maximised, from `compositeReward`. */
  reward: Reward;
  /** Which problems are drawn when, from `curriculum`. @default R3's three phases */
  curriculum?: Curriculum;
  /** What tables and figures call the run. @default "grpo" */
  name?: string;
};

/** Further draws for groups without signal, when they are dropped. */
const resamplings = 3;

/** Rollouts in hand: one batch serves `iterations` updates. */
interface Batch {
  groups: RolloutGroup[];
  /** One a completion, prompt by prompt. */
  advantages: number[];
  /** Groups without variance: all, and those of them that were dropped. */
  dull: number;
  dropped: number;
  /** Mean k3 estimate a token, where the KL comes off the reward. */
  kl?: number;
  samplingSeconds: number;
  rewardSeconds: number;
  phase: string;
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
 * const reward = compositeReward({ preset: "r3" });
 * const run = await grpo(model, data.train, { steps: 200, generations: 8, reward });
 * ```
 */
export async function grpo(model: CausalLM, problems: Problem[], options: GrpoOptions): Promise<TrainingRun> {
  const { reward, curriculum, name = "grpo", ...rest } = options,
    { hooks, settings } = splitHooks(rest as StageHooks);
  const config = parseOptions(grpoSchema, settings as z.input<typeof grpoSchema>, "grpo"),
    { steps, generations, iterations } = config;
  if (problems.length === 0) throw new RangeError("grpo needs at least one problem, got none");
  if (!reward) throw new TypeError("grpo needs a reward: pass { reward: compositeReward(config.reward) }");
  const course = curriculum ?? makeCurriculum(), random = new Random(config.seed);
  const { decoder } = model, optimizer = new AdamW(decoder.parameters(), { betas: config.betas });
  const rate = learningRate(config.learningRate), guard = updateGuard();
  const reference = config.beta === 0 ? null : await ReferencePolicy.of(decoder);
  let batch: Batch | null = null;

  const sample = async (index: number, signal: AbortSignal): Promise<Batch> => {
    const phase = course.phaseAt(index, steps), temperature = anneal(config.temperature).at(index, steps);
    const { maxTokens, topK, topP, minP } = config;
    const made: Batch = {
      groups: [],
      advantages: [],
      dull: 0,
      dropped: 0,
      samplingSeconds: 0,
      rewardSeconds: 0,
      phase: phase.name,
    };
    for (let attempt = 0; made.groups.length < config.promptsPerStep; attempt++) {
      const drawn = course.draw(problems, config.promptsPerStep - made.groups.length, index, steps, random);
      const seed = Math.floor(counterUniform(config.seed, index, attempt) * 2 ** 31);
      const { groups, samplingSeconds, rewardSeconds } = await rollOut(model, reward, drawn, {
        generations,
        systemPrompt: config.systemPrompt,
        maxTokens,
        temperature,
        topK,
        topP,
        minP,
        seed,
        step: index,
        steps,
        phase: phase.name,
        signal,
      });
      made.samplingSeconds += samplingSeconds;
      made.rewardSeconds += rewardSeconds;
      const dull = groups.filter(withoutSignal), drop = config.dropZeroVariance && attempt < resamplings;
      made.dull += dull.length;
      made.dropped += drop ? dull.length : 0;
      made.groups.push(...drop ? groups.filter((group) => !dull.includes(group)) : groups);
    }
    let rewards = made.groups.map((group) => group.rewards.map(({ total }) => total));
    const beta = anneal(config.beta).at(index, steps);
    if (config.klInReward && beta > 0) {
      const logprobs = made.groups.flatMap(({ completions }) => completions.map(({ logprobs }) => logprobs));
      const referenceLogprobs = await withTokens(
        made.groups,
        (tokens) => reference!.logprobs(tokens, temperature),
      );
      const penalised = klInReward(rewards.flat(), { beta, logprobs, referenceLogprobs });
      const estimates = logprobs.flatMap((row, i) =>
        row.map((value, t) =>
          Math.exp(referenceLogprobs[i][t] - value) - (referenceLogprobs[i][t] - value) - 1
        )
      );
      made.kl = estimates.reduce((sum, kl) => sum + kl, 0) / estimates.length;
      rewards = made.groups.map((_, i) => penalised.slice(i * generations, (i + 1) * generations));
    }
    const weights = Object.values(reward.weights(index, steps));
    made.advantages = (config.normalizeThenSum
      ? advantagesByComponent(
        made.groups.map((group) =>
          group.rewards.map(({ components }) => reward.names.map((name) => components[name].score))
        ),
        { weights },
      )
      : advantages(rewards, { advantage: config.advantage, normalize: config.normalize })).flat();
    return made;
  };

  const update = async (index: number, { groups, advantages: worth, kl }: Batch, signal: AbortSignal) => {
    const started = performance.now(),
      at = (value: Parameters<typeof anneal>[0]) => anneal(value).at(index, steps);
    const temperature = at(config.temperature),
      beta = config.klInReward ? 0 : at(config.beta),
      maxTokens = config.maxTokens;
    const items = groups.flatMap(({ promptIds, completions }) =>
      completions.map((rollout) => ({ prompt: promptIds, completion: rollout.tokens, rollout }))
    );
    const parts = config.gradientAccumulation, perPart = items.length / parts;
    const kept = (item: typeof items[number]) =>
      config.maskTruncated && item.rollout.truncated ? 0 : item.completion.length;
    const count = (some: typeof items) => some.reduce((sum, item) => sum + kept(item), 0), all = count(items);
    // the quantile of entropies is that of all tokens at once
    const entropyOfAll = config.topEntropyQuantile < 1;
    const sums = { loss: 0, policyLoss: 0, kl: 0, clipLow: 0, clipHigh: 0, entropy: 0, tokens: 0 };
    let gradients: Gradients | null = null;
    try {
      for (let part = 0; part < items.length; part += perPart) {
        const own = items.slice(part, part + perPart), ownTokens = count(own);
        for (
          const [from, some] of microBatches(own, config.microBatch ?? (entropyOfAll ? own.length : null))
        ) {
          if (part + from > 0) await breathe(signal);
          const tokens = new TokenBatch(some),
            dropoutSeed = Math.floor(counterUniform(config.seed, index, part + from) * 2 ** 31);
          try {
            const referenceOf = beta > 0 ? await reference!.logprobs(tokens, temperature) : undefined;
            // a micro-batch is weighted so that cutting a part into several changes nothing
            const accumulationSteps = config.loss === "bnpo"
              ? parts * ownTokens / Math.max(1, count(some))
              : parts * own.length / some.length;
            let result!: ReturnType<typeof policyLoss>;
            const { values, gradients: more } = await backward(decoder, tokens, (values) => {
              result = policyLoss({
                logprobs: tokens.split(values.logprobs),
                oldLogprobs: iterations > 1 ? some.map(({ rollout }) => rollout.logprobs) : undefined,
                referenceLogprobs: referenceOf,
                advantages: worth.slice(part + from, part + from + some.length),
                truncated: some.map(({ rollout }) => rollout.truncated),
                entropy: tokens.split(values.entropy),
              }, {
                loss: config.loss,
                importance: config.importance,
                epsilon: at(config.epsilon),
                epsilonHigh: config.epsilonHigh === null ? null : at(config.epsilonHigh),
                dualClip: config.dualClip,
                beta,
                klEstimator: config.klEstimator,
                maxTokens,
                accumulationSteps,
                accumulationTokens: all,
                maskTruncated: config.maskTruncated,
                topEntropyQuantile: config.topEntropyQuantile,
              });
              const gradient = new Float32Array(tokens.tokens);
              let place = 0;
              for (const row of result.gradient) {
                gradient.set(row, place);
                place += row.length;
              }
              return { loss: result.loss, gradient };
            }, { temperature, dropoutSeed, checkpointing: config.checkpointing });
            gradients = addGradients(gradients, more);
            sums.loss += result.loss;
            sums.policyLoss += result.policyLoss;
            sums.kl += result.kl * result.tokens;
            sums.clipLow += result.clipLow * result.tokens;
            sums.clipHigh += result.clipHigh * result.tokens;
            sums.entropy += values.entropy.reduce((sum, x) => sum + x, 0);
            sums.tokens += tokens.tokens;
          } finally {
            tokens.dispose();
          }
        }
      }
    } catch (error) {
      disposeGradients(gradients);
      throw error;
    }
    const lr = rate.at(index, steps);
    const gradientNorm = await optimizer.step(gradients!, {
      learningRate: lr,
      weightDecay: at(config.weightDecay),
      maxGradNorm: at(config.maxGradNorm),
      loss: sums.loss,
    });
    if (reference && config.referenceEvery !== null && (index + 1) % config.referenceEvery === 0) {
      await reference.refresh(config.referenceMixup);
    }
    const mean = (sum: number) => sum / Math.max(1, all);
    return {
      verdict: guard.check(sums.loss, gradientNorm),
      metrics: {
        loss: sums.loss,
        policyLoss: sums.policyLoss,
        learningRate: lr,
        gradientNorm,
        entropy: sums.entropy / sums.tokens,
        kl: config.klInReward ? kl : reference ? mean(sums.kl) : undefined,
        clipLow: mean(sums.clipLow),
        clipHigh: mean(sums.clipHigh),
        tokens: sums.tokens,
        skippedUpdates: guard.state.skipped,
      },
      seconds: (performance.now() - started) / 1000,
    };
  };

  try {
    return await trainingLoop(
      {
        stage: "grpo",
        name,
        title: `GRPO, ${config.promptsPerStep} prompts × ${generations} completions a step`,
        config: { ...config, reward: reward.toJSON(), curriculum: course.toJSON() },
        diagnosis: {
          stage: "grpo",
          steps,
          maxTokens: config.maxTokens,
          maskTruncated: config.maskTruncated,
          beta: anneal(config.beta).at(0, steps),
        },
        async step(index, signal) {
          const fresh = batch === null || index % iterations === 0, drawnFrom = random.state;
          let updated: Awaited<ReturnType<typeof update>>;
          try {
            if (fresh) batch = await sample(index, signal);
            updated = await update(index, batch!, signal);
          } catch (error) {
            // what a resume draws must be what this step drew
            if (fresh) [random.state, batch] = [drawnFrom, null];
            throw error;
          }
          const current = batch!,
            { metrics, verdict, seconds } = updated,
            { dull, dropped } = current,
            sampled = current.groups.length + dropped,
            own = rolloutMetrics(current.groups, reward.weights(index, steps));
          const correctness = own.components?.correctness?.mean;
          if (fresh && correctness !== undefined && Number.isFinite(correctness)) course.observe(correctness);
          const timing = {
            sampling: fresh ? current.samplingSeconds : 0,
            rewards: fresh ? current.rewardSeconds : 0,
            training: seconds,
          };
          const [first] = current.groups;
          return {
            metrics: {
              ...metrics,
              ...own,
              zeroVarianceFraction: dull / sampled,
              droppedGroups: config.dropZeroVariance ? dropped : undefined,
              phase: current.phase,
              tokensPerSecond: metrics.tokens / (timing.sampling + timing.rewards + seconds),
              seconds: timing,
            },
            completions: fresh ? rolloutRecords(current.groups, index + 1) : [],
            texts: current.groups.flatMap(({ completions }) => completions.map(({ text }) => text)),
            sample: {
              prompt: first.problem.question,
              completion: first.completions[0].text,
              reference: first.problem.answer,
              reward: first.rewards[0].total,
            },
            failure: verdict === "stop"
              ? "the loss or its gradient was not finite several times in a row"
              : undefined,
          };
        },
        async save() {
          return {
            tensors: { ...await parameterState(model, optimizer), ...await reference?.state() },
            state: {
              random: random.state,
              updates: optimizer.updates,
              guard: guard.state,
              curriculum: course.state,
              batch: iterations > 1 ? batch : null,
            },
          };
        },
        restore({ tensors, state }) {
          const held = state as {
            random: Random["state"];
            updates: number;
            guard: { skipped: number; inARow: number };
            curriculum: Curriculum["state"];
            batch: Batch | null;
          };
          restoreParameters(model, optimizer, tensors, held.updates);
          reference?.restore(tensors);
          random.state = held.random;
          course.restore(held.curriculum);
          Object.assign(guard.state, held.guard);
          batch = held.batch;
        },
      },
      config,
      { ...hooks, evaluation: evaluationHook(model, hooks.evaluation) },
    );
  } finally {
    reference?.dispose();
    optimizer.dispose();
  }
}

/** Lays the completions of some groups out, and disposes of the layout. */
async function withTokens<T>(groups: RolloutGroup[], use: (tokens: TokenBatch) => Promise<T>): Promise<T> {
  const tokens = new TokenBatch(
    groups.flatMap(({ promptIds, completions }) =>
      completions.map((completion) => ({ prompt: promptIds, completion: completion.tokens }))
    ),
  );
  try {
    return await use(tokens);
  } finally {
    tokens.dispose();
  }
}
