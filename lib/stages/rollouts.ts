import type { Problem } from "../data/problem.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { responseFormatOf } from "../formats/response_format_of.ts";
import { localSampler, type Sampler } from "../generation/sampler.ts";
import { counterUniform } from "../random/counter_random.ts";
import { Random, type RandomState } from "../random/random.ts";
import type { Reward, RewardResult } from "../rewards/reward.ts";
import { anneal } from "../schedules/anneal.ts";
import type { Curriculum } from "../schedules/curriculum.ts";
import { inPasses } from "../training/in_passes.ts";
import { klInReward } from "../training/kl_in_reward.ts";
import { Notes } from "../training/notes.ts";
import { PassBudget } from "../training/pass_budget.ts";
import type { ReferencePolicy } from "../training/reference_policy.ts";
import { untilAborted } from "../training/until_aborted.ts";
import { correctRollouts } from "./correct_rollouts.ts";
import type { GrpoConfig } from "./grpo_schema.ts";
import { problemPrompt } from "./problem_prompt.ts";
import { type RolloutBatch, type RolloutGroup, rolloutSequences, withoutSignal } from "./rollout_batch.ts";

/** What of GRPO's options says how completions are drawn. */
export type RolloutConfig = Pick<
  GrpoConfig,
  | "seed"
  | "steps"
  | "promptsPerStep"
  | "generations"
  | "maxTokens"
  | "temperature"
  | "topK"
  | "topP"
  | "minP"
  | "format"
  | "systemPrompt"
  | "chatTemplateOptions"
  | "beta"
  | "klInReward"
  | "dropZeroVariance"
  | "replay"
  | "importanceCorrection"
>;

/** What {@linkcode Rollouts} are made with. */
export interface RolloutOptions {
  /** What is drawn from. */
  problems: Problem[];
  /** What is maximised. */
  reward: Reward;
  /** Which problems are drawn when. */
  curriculum: Curriculum;
  /** Where the KL comes off the reward; `null` where beta is 0. */
  reference: ReferencePolicy | null;
  /** GRPO's options, as far as rollouts ask for them. */
  config: RolloutConfig;
  /** What draws the completions. @default the model itself */
  sampler?: Sampler;
  /** Decides how much goes through the model at once, where log-probabilities are asked of it or the reference. @default one of its own */
  budget?: PassBudget;
}

/** What {@linkcode Rollouts} keep in a checkpoint. */
export interface RolloutState {
  /** What draws problems and shuffles what is replayed. */
  random: RandomState;
  /** Where the curriculum is. */
  curriculum: Curriculum["state"];
  /** Groups that may be replayed. */
  memory: RolloutGroup[];
}

/** Further draws for groups without signal, when they are dropped. */
const resamplings = 3;

/**
 * The rollouts of a run: draws problems as the curriculum has them, samples a group of completions for each, scores them, samples
 * others in place of groups without signal or replays earlier ones there, and takes the KL penalty off the reward, where that is asked.
 *
 * @example
 * ```ts
 * import { compositeReward, curriculum, grpoSchema, loadDataset, loadModel, Rollouts } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * const config = grpoSchema.parse({ promptsPerStep: 2, generations: 2, maxTokens: 16, beta: 0 }), reward = compositeReward();
 * const rollouts = new Rollouts(model, { problems: data.train, reward, curriculum: curriculum(), reference: null, config });
 * const { groups, rewards } = await rollouts.sample(0, new AbortController().signal);
 * ```
 */
export class Rollouts {
  readonly #random: Random;
  /** Groups with signal that were sampled last, with the log-probabilities they were drawn at. */
  #memory: RolloutGroup[] = [];
  /** Lets a server that sees several runs tell their policies apart. */
  readonly #run = crypto.randomUUID().slice(0, 8);
  readonly #notes = new Notes();
  readonly #budget: PassBudget;

  /** Draws with the seed of `options.config`. */
  constructor(readonly model: CausalLM, readonly options: RolloutOptions) {
    this.#random = new Random(options.config.seed);
    this.#budget = options.budget ?? new PassBudget(model.decoder);
  }

  /** The rollouts of update number `index`. */
  async sample(index: number, signal: AbortSignal): Promise<RolloutBatch> {
    const { problems, curriculum, config, sampler } = this.options, { steps, promptsPerStep } = config;
    const batch: RolloutBatch = {
      groups: [],
      sampled: [],
      replayed: 0,
      rewards: [],
      withoutSignal: 0,
      dropped: 0,
      phase: curriculum.phaseAt(index, steps).name,
      samplingSeconds: 0,
      rewardSeconds: 0,
    };
    for (let attempt = 0; batch.groups.length < promptsPerStep; attempt++) {
      const missing = promptsPerStep - batch.groups.length;
      const drawn = curriculum.draw(problems, missing, index, steps, this.#random);
      const seed = Math.floor(counterUniform(config.seed, index, attempt) * 2 ** 31);
      const { groups, samplingSeconds, rewardSeconds } = await this.#rollOut(drawn, { index, seed, signal });
      batch.samplingSeconds += samplingSeconds;
      batch.rewardSeconds += rewardSeconds;
      const drop = config.dropZeroVariance && attempt < resamplings;
      const kept = groups.filter((group) => !withoutSignal(group)), without = groups.length - kept.length;
      batch.withoutSignal += without;
      batch.dropped += drop ? without : 0;
      batch.groups.push(...drop ? kept : groups);
    }
    batch.sampled = batch.groups;
    if (config.replay !== null) this.#replay(batch, config.replay);
    batch.rewards = batch.groups.map((group) => group.rewards.map(({ total }) => total));
    const beta = anneal(config.beta).at(index, steps);
    if (config.klInReward && beta > 0) await this.#takeKlOff(batch, index, beta);
    if (sampler?.foreign && config.importanceCorrection) {
      await correctRollouts(this.model.decoder, batch, {
        budget: this.#budget,
        temperature: anneal(config.temperature).at(index, steps),
        correction: config.importanceCorrection,
      });
    }
    return batch;
  }

  /** Puts groups of earlier steps into the places of those without signal, each once, and keeps those with signal. */
  #replay(batch: RolloutBatch, capacity: number): void {
    const held = this.#random.shuffle([...this.#memory]);
    batch.groups = batch.sampled.map((group) => {
      if (!withoutSignal(group) || held.length === 0) return group;
      batch.replayed++;
      return held.pop()!;
    });
    const kept = batch.sampled.filter((group) => !withoutSignal(group));
    this.#memory = [...this.#memory, ...kept].slice(-capacity);
  }

  /** Samples a group of completions for each problem and scores them all. */
  async #rollOut(
    problems: Problem[],
    { index, seed, signal }: { index: number; seed: number; signal: AbortSignal },
  ) {
    const { model, options: { reward, curriculum, config, sampler = localSampler } } = this,
      started = performance.now();
    const format = responseFormatOf(config.format);
    const { steps, generations, maxTokens, topK, topP, minP } = config;
    const prompts = problems.map((problem) => problemPrompt(model.tokenizer, problem, config));
    const completions = await sampler.sample(model, prompts.map(({ ids }) => ids), {
      version: `${this.#run}-${index}`,
      n: generations,
      maxTokens,
      temperature: anneal(config.temperature).at(index, steps),
      topK,
      topP,
      minP,
      seed,
      signal,
      onNote: (text) => this.#notes.add("sampling", text),
    });
    signal.throwIfAborted();
    const sampled = performance.now(), phase = curriculum.phaseAt(index, steps).name;
    const scores = reward.score(completions.map((completion) => ({
      prompt: prompts[completion.prompt].text,
      completion: completion.text,
      problem: problems[completion.prompt],
      format,
      tokens: completion.pieces,
      tokenLogprobs: completion.logprobs,
      step: index,
      steps,
      phase,
    })));
    const rewards = checkedResults(reward, await untilAborted(scores, signal), completions.length);
    const groups = problems.map((problem, i): RolloutGroup => {
      const places = completions.flatMap(({ prompt }, place) => prompt === i ? [place] : []);
      return {
        problem,
        promptIds: prompts[i].ids,
        completions: places.map((place) => completions[place]),
        rewards: places.map((place) => rewards[place]),
      };
    });
    return {
      groups,
      samplingSeconds: (sampled - started) / 1000,
      rewardSeconds: (performance.now() - sampled) / 1000,
    };
  }

  async #takeKlOff(batch: RolloutBatch, index: number, beta: number): Promise<void> {
    const { config, reference } = this.options, { steps, generations } = config;
    const sequences = rolloutSequences(batch.groups);
    const logprobs = sequences.map(({ rollout }) => rollout.logprobs);
    const temperature = anneal(config.temperature).at(index, steps);
    const referenceLogprobs = await inPasses(sequences, {
      budget: this.#budget,
      rowsOf: (tokens) => reference!.logprobs(tokens, temperature),
    });
    const rewards = klInReward(batch.rewards.flat(), { beta, logprobs, referenceLogprobs });
    const estimates = logprobs.flatMap((row, i) =>
      row.map((value, t) => {
        const difference = referenceLogprobs[i][t] - value;
        return Math.exp(difference) - difference - 1;
      })
    );
    batch.kl = estimates.reduce((sum, kl) => sum + kl, 0) / estimates.length;
    batch.rewards = batch.rewards.map((_, i) => rewards.slice(i * generations, (i + 1) * generations));
  }

  /** Tells an adaptive curriculum how the step went. */
  observe(correctness: number | undefined): void {
    if (correctness !== undefined && Number.isFinite(correctness)) {
      this.options.curriculum.observe(correctness);
    }
  }

  /** Notes for people since the last call. */
  takeNotes(): string[] {
    return this.#notes.take();
  }

  /** What the next draw depends on. */
  get state(): RolloutState {
    return {
      random: this.#random.state,
      curriculum: this.options.curriculum.state,
      memory: this.#memory,
    };
  }

  /** Takes a state back. */
  restore({ random, curriculum, memory }: RolloutState): void {
    this.#memory = memory;
    this.#random.state = random;
    this.options.curriculum.restore(curriculum);
  }
}

/**
 * One result for each completion, in order, as it was promised: one too few would shift every group.
 *
 * @throws {RangeError} for another number of results; {@linkcode TypeError} for one that is no result
 */
function checkedResults(reward: Reward, results: RewardResult[], completions: number): RewardResult[] {
  const name = reward.names.join(", ");
  if (!Array.isArray(results) || results.length !== completions) {
    throw new RangeError(
      `scoring completions: the reward (${name}) gave ${
        Array.isArray(results) ? `${results.length} results` : String(results)
      } for ${completions} completions; it gives one each, in their order`,
    );
  }
  results.forEach((result, i) => {
    const lacking = reward.names.filter((component) => !result?.components?.[component]);
    if (typeof result?.total === "number" && lacking.length === 0) return;
    throw new TypeError(
      `scoring completions: result ${i} of the reward (${name}) needs a number \`total\` and a score in \`components\` for each of its names, got ${
        JSON.stringify(result)
      }`,
    );
  });
  return results;
}
