import { checkArgument } from "../options/check_argument.ts";
import { parseOptions } from "../options/parse_options.ts";
import type { Problem } from "../data/problem.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { learningRate } from "../schedules/learning_rate.ts";
import { accumulate } from "../training/accumulate.ts";
import { crossEntropy } from "../training/cross_entropy.ts";
import { EpochCursor, type EpochCursorState } from "../training/epoch_cursor.ts";
import type { TrainingRun } from "../training/run.ts";
import { runOrigin } from "../training/run_origin.ts";
import type { TokenSequence } from "../training/token_batch.ts";
import { Trainer, type TrainerState } from "../training/trainer.ts";
import { type StepResult, trainingLoop } from "../training/training_loop.ts";
import { demonstrations } from "./demonstrations.ts";
import { evaluationHook, splitHooks, type StageHooks } from "./evaluation_inside.ts";
import { sftSchema } from "./sft_schema.ts";
import type { SftSettings } from "./sft_settings.ts";

/** Options of {@linkcode sft}: its configuration and hooks. */
export type SftOptions = SftSettings & StageHooks;

/**
 * Supervised fine-tuning on demonstrations: completion-only cross-entropy, −mean log p over the completion tokens of the whole
 * accumulated batch.
 *
 * Each problem's demonstration is what the run's `format` writes to its question, its own `completion` word for word, or its chat's turns of the
 * assistant, ended by the model's end of turn; the quality of written ones (full steps, terse, answer only) is drawn once a problem from
 * `demonstrations`, as data from people is mixed. With `packing` a step takes as many examples as its tokens hold.
 *
 * @throws {ConfigError} for an unknown or wrong option, before any work
 * @throws {RangeError} when there is no problem, or none fits `maxLength`
 * @example
 * ```ts
 * import { loadDataset, loadModel, sft } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma"), data = await loadDataset({ train: [{ source: "generator", count: 100 }] });
 * const run = await sft(model, data.train, { steps: 2, batchSize: 4, learningRate: 1e-3 });
 * ```
 */
export async function sft(
  model: CausalLM,
  problems: Problem[],
  options: SftOptions = {},
): Promise<TrainingRun> {
  checkArgument("sft's first argument", "model", model);
  checkArgument("sft's third argument", "options", options);
  const { hooks, settings } = splitHooks(options), config = parseOptions(sftSchema, settings, "sft");
  const { examples, problems: understood, note } = demonstrations(model.tokenizer, problems, config);

  const { batchSize, gradientAccumulation, seed, packing, maxLength } = config;
  const { decoder } = model, cursor = new EpochCursor(examples.length, seed);
  const trainer = new Trainer(decoder, { ...config, learningRate: learningRate(config.learningRate) });
  const size = gradientAccumulation > 1 ? Math.ceil(batchSize / gradientAccumulation) : null;

  const step = async (index: number, signal: AbortSignal): Promise<StepResult> => {
    const started = performance.now(), before = cursor.state;
    try {
      const batch = packing
        ? packed(examples, cursor, batchSize * maxLength)
        : cursor.draw(batchSize).flatMap((place) => examples[place]);
      const count = batch.reduce((sum, { completion }) => sum + completion.length, 0);
      const learned = await accumulate(
        decoder,
        batch,
        () => crossEntropy(count),
        { size, budget: trainer.passes, dropout: { seed, step: index }, signal },
      );
      const { metrics, notes, failure } = await trainer.update(index, learned);
      const { loss, tokens, entropy, hits } = learned, seconds = (performance.now() - started) / 1000;
      return {
        metrics: {
          loss,
          ...metrics,
          entropy: entropy / tokens,
          tokens,
          tokenAccuracy: hits / tokens,
          tokensPerSecond: tokens / seconds,
          seconds: { training: seconds },
        },
        notes,
        failure,
      };
    } catch (error) {
      // what a resume draws must be what this step drew
      cursor.state = before;
      throw error;
    }
  };

  try {
    return await trainingLoop(
      {
        stage: "sft",
        weights: model.decoder,
        name: "sft",
        title: `SFT on ${examples.length} demonstrations${note ? ` (${note})` : ""}`,
        config,
        diagnosis: { stage: "sft" },
        origin: await runOrigin(decoder, understood, examples.flat()),
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
      },
      config,
      { ...hooks, evaluation: evaluationHook(model, hooks.evaluation) },
    );
  } finally {
    trainer.dispose();
  }
}

/** As many examples as a number of tokens holds, at least one; they lie side by side and never see each other. */
function packed(examples: TokenSequence[][], cursor: EpochCursor, tokens: number): TokenSequence[] {
  const batch: TokenSequence[] = [];
  for (let left = tokens;;) {
    const before = cursor.state, [place] = cursor.draw(1), example = examples[place];
    left -= example.reduce((sum, { prompt, completion }) => sum + prompt.length + completion.length, 0);
    if (left < 0 && batch.length > 0) {
      cursor.state = before;
      return batch;
    }
    batch.push(...example);
  }
}
