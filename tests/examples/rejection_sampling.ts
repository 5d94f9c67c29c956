/**
 * An algorithm of one's own out of the library's parts: rejection-sampling fine-tuning, also known as expert iteration or, with one round
 * a batch, RAFT (Dong et al. 2023, arXiv 2304.06767). A step draws `samples` completions of each of some problems, keeps those of each
 * problem that earn the most and more than the mean of all, and learns them by heart with cross-entropy. There is no advantage, no ratio and no reference.
 *
 * ```ts
 * const run = await rejectionSampling(model, problems, { steps: 100, samples: 8, reward: compositeReward({ preset: "r3" }) });
 * ```
 *
 * @module
 */
import {
  accumulate,
  type CausalLM,
  complete,
  crossEntropy,
  EpochCursor,
  type EpochCursorState,
  learningRate,
  type LearningRateSpec,
  type Problem,
  problemPrompt,
  type Reward,
  type StepResult,
  Trainer,
  type TrainerState,
  trainingLoop,
  type TrainingRun,
} from "../../mod.ts";

/** Options of {@linkcode rejectionSampling}. */
export interface RejectionSamplingOptions {
  /** Updates in all. */
  steps: number;
  /** What decides which completions are kept. */
  reward: Reward;
  /** Problems a step. @default 8 */
  promptsPerStep?: number;
  /** Completions a problem. @default 8 */
  samples?: number;
  /** Completions of a problem that are kept at most. @default 2 */
  keep?: number;
  /** @default 128 */
  maxTokens?: number;
  /** @default 1 */
  temperature?: number;
  /** @default 1e-3 */
  learningRate?: number | LearningRateSpec;
  /** @default 1 */
  seed?: number;
}

/** Trains `model` on the best of its own completions. */
export async function rejectionSampling(
  model: CausalLM,
  problems: Problem[],
  options: RejectionSamplingOptions,
): Promise<TrainingRun> {
  const {
    steps,
    reward,
    promptsPerStep = 8,
    samples = 8,
    keep = 2,
    maxTokens = 128,
    temperature = 1,
    seed = 1,
  } = options;
  const { decoder, tokenizer } = model,
    prompts = problems.map((problem) => problemPrompt(tokenizer, problem));
  const cursor = new EpochCursor(problems.length, seed);
  const trainer = new Trainer(decoder, { steps, learningRate: learningRate(options.learningRate ?? 1e-3) });

  /** Completions of some problems with what they earn, problem by problem. */
  const sample = async (index: number, places: number[], signal: AbortSignal) => {
    const ids = places.map((place) => prompts[place].ids);
    const completions = await complete(model, ids, {
      n: samples,
      maxTokens,
      temperature,
      seed: seed + index,
      signal,
    });
    signal.throwIfAborted();
    const results = await reward.score(completions.map(({ prompt, text, pieces, logprobs }) => ({
      prompt: prompts[places[prompt]].text,
      completion: text,
      problem: problems[places[prompt]],
      tokens: pieces,
      tokenLogprobs: logprobs,
      step: index,
      steps,
      phase: "mixed",
    })));
    return completions.map((completion, i) => ({
      prompt: ids[completion.prompt],
      completion: completion.tokens,
      problem: completion.prompt,
      text: completion.text,
      total: results[i].total,
    }));
  };

  const step = async (index: number, signal: AbortSignal): Promise<StepResult> => {
    const started = performance.now(), before = cursor.state;
    try {
      const drawn = await sample(index, cursor.draw(promptsPerStep), signal), sampled = performance.now();
      const mean = drawn.reduce((sum, { total }) => sum + total, 0) / drawn.length;
      const best = Array.from(
        { length: promptsPerStep },
        (_, problem) =>
          drawn.filter((each) => each.problem === problem && each.total > mean)
            .sort((a, b) => b.total - a.total).slice(0, keep),
      ).flat();
      // where all earn the same, none is better than another: the batch is learned as it is
      const batch = best.length ? best : drawn;
      const count = batch.reduce((sum, { completion }) => sum + completion.length, 0);
      const learned = await accumulate(decoder, batch, () => crossEntropy(count), {
        budget: trainer.passes,
        signal,
      });
      const { metrics, notes, failure } = await trainer.update(index, learned), ended = performance.now();
      return {
        metrics: {
          loss: learned.loss,
          ...metrics,
          reward: mean,
          entropy: learned.entropy / learned.tokens,
          tokens: learned.tokens,
          tokensPerSecond: 1000 * learned.tokens / (ended - started),
          seconds: { sampling: (sampled - started) / 1000, training: (ended - sampled) / 1000 },
        },
        texts: drawn.map(({ text }) => text),
        notes,
        failure,
      };
    } catch (error) {
      cursor.state = before;
      throw error;
    }
  };

  try {
    return await trainingLoop({
      stage: "rejection sampling",
      name: "rejection sampling",
      title: `Rejection sampling, the best ${keep} of ${samples}`,
      weights: decoder,
      config: { ...options, reward: reward.toJSON() },
      diagnosis: { stage: "rejection sampling", steps, maxTokens },
      step,
      async save() {
        const { tensors, state } = await trainer.save();
        return { tensors, state: { ...state, cursor: cursor.state } };
      },
      restore({ tensors, state }) {
        const held = state as TrainerState & { cursor: EpochCursorState };
        trainer.restore({ tensors, state: held });
        cursor.state = held.cursor;
      },
    }, { steps });
  } finally {
    trainer.dispose();
  }
}
