import type { z } from "zod";
import { parseOptions } from "../options/parse_options.ts";
import { demonstration, type DemonstrationStyle } from "../data/demonstration.ts";
import type { Problem } from "../data/problem.ts";
import { Random } from "../random/random.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { learningRate } from "../schedules/learning_rate.ts";
import { accumulate } from "../training/accumulate.ts";
import { crossEntropy } from "../training/cross_entropy.ts";
import { EpochCursor } from "../training/epoch_cursor.ts";
import type { TrainingRun } from "../training/run.ts";
import { runOrigin } from "../training/run_origin.ts";
import type { TokenSequence } from "../training/token_batch.ts";
import { Trainer, type TrainerState } from "../training/trainer.ts";
import { type StepResult, trainingLoop } from "../training/training_loop.ts";
import { evaluationHook, splitHooks, type StageHooks } from "./evaluation_inside.ts";
import { problemPrompt } from "./problem_prompt.ts";
import { sftSchema } from "./sft_schema.ts";

/** Options of {@linkcode sft}: its configuration (see `sftSchema` for each default) and hooks. */
export type SftOptions = z.input<typeof sftSchema> & StageHooks;

/**
 * Supervised fine-tuning on demonstrations: completion-only cross-entropy, −mean log p over the completion tokens of the whole
 * accumulated batch.
 *
 * Each problem's demonstration is a question and `<reasoning>…</reasoning><answer>…</answer>`, ended by the model's end of turn; its
 * quality (full steps, terse, answer only) is drawn once a problem from `demonstrations`, as data from people is mixed.
 *
 * @throws {ConfigError} for an unknown or wrong option, before any work
 * @throws {RangeError} when there is no problem, or none fits `maxLength`
 * @example
 * ```ts
 * const run = await sft(model, data.train, { steps: 300, batchSize: 32, learningRate: 1e-3 });
 * ```
 */
export async function sft(
  model: CausalLM,
  problems: Problem[],
  options: SftOptions = {},
): Promise<TrainingRun> {
  const { hooks, settings } = splitHooks(options), config = parseOptions(sftSchema, settings, "sft");
  const { tokenizer } = model, random = new Random(config.seed);

  const styles = Object.entries(config.demonstrations) as [DemonstrationStyle, number][];
  const sequences: TokenSequence[] = [];
  for (const problem of problems) {
    const style = drawStyle(styles, random), prompt = problemPrompt(tokenizer, problem, config);
    const text = demonstration(problem, style, random),
      completion = [...tokenizer.encode(text, { bos: false }), tokenizer.endOfTurnId];
    if (prompt.ids.length + completion.length <= config.maxLength) {
      sequences.push({ prompt: prompt.ids, completion });
    }
  }
  if (sequences.length === 0) {
    throw new RangeError(
      `sft needs at least one demonstration within maxLength ${config.maxLength} tokens, got ${problems.length} problems; raise maxLength or check the data`,
    );
  }
  const left = problems.length - sequences.length;

  const { batchSize, gradientAccumulation, seed } = config;
  const { decoder } = model, cursor = new EpochCursor(sequences.length, seed);
  const trainer = new Trainer(decoder, { ...config, learningRate: learningRate(config.learningRate) });
  const size = gradientAccumulation > 1 ? Math.ceil(batchSize / gradientAccumulation) : null;

  const step = async (index: number, signal: AbortSignal): Promise<StepResult> => {
    const started = performance.now(), before = cursor.state;
    try {
      const batch = cursor.draw(batchSize).map((place) => sequences[place]);
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
        title: `SFT on ${sequences.length} demonstrations${left ? ` (${left} too long, left out)` : ""}`,
        config,
        diagnosis: { stage: "sft" },
        origin: await runOrigin(decoder, problems, sequences),
        step,
        async save() {
          const { tensors, state } = await trainer.save();
          return { tensors, state: { ...state, cursor: cursor.state } };
        },
        restore({ tensors, state }) {
          const held = state as TrainerState & { cursor: EpochCursor["state"] };
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

function drawStyle(styles: [DemonstrationStyle, number][], random: Random): DemonstrationStyle {
  let left = random.next() * styles.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [style, weight] of styles) {
    left -= weight;
    if (left < 0) return style;
  }
  return styles[styles.length - 1][0];
}
