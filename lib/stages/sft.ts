import type { z } from "zod";
import { parseOptions } from "../options/parse_options.ts";
import { demonstration, type DemonstrationStyle } from "../data/demonstration.ts";
import type { Problem } from "../data/problem.ts";
import { Random } from "../random/random.ts";
import { counterUniform } from "../random/counter_random.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { anneal, type Scheduled } from "../schedules/anneal.ts";
import { learningRate } from "../schedules/learning_rate.ts";
import { addGradients, backward, disposeGradients, type Gradients } from "../training/backward.ts";
import { breathe } from "../training/breathe.ts";
import { microBatches } from "../training/micro_batches.ts";
import { AdamW } from "../training/optimizer.ts";
import type { TrainingRun } from "../training/run.ts";
import { TokenBatch, type TokenSequence } from "../training/token_batch.ts";
import { trainingLoop } from "../training/training_loop.ts";
import { updateGuard } from "../training/update_guard.ts";
import { evaluationHook, splitHooks, type StageHooks } from "./evaluation_inside.ts";
import { problemPrompt } from "./problem_prompt.ts";
import { sftSchema } from "./sft_schema.ts";
import { EpochCursor, parameterState, restoreParameters } from "./training_state.ts";

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
    const style = drawStyle(styles, random), prompt = problemPrompt(tokenizer, problem, config.systemPrompt);
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

  const optimizer = new AdamW(model.decoder.parameters(), { betas: config.betas }),
    cursor = new EpochCursor(sequences.length, config.seed);
  const rate = learningRate(config.learningRate), guard = updateGuard();
  const { steps, batchSize, gradientAccumulation: parts } = config;
  const size = parts > 1 ? Math.ceil(batchSize / parts) : null;

  try {
    return await trainingLoop(
      {
        stage: "sft",
        name: "sft",
        title: `SFT on ${sequences.length} demonstrations${left ? ` (${left} too long, left out)` : ""}`,
        config,
        diagnosis: { stage: "sft" },
        async step(index, signal) {
          const started = performance.now(),
            drawnFrom = cursor.state,
            drawn = cursor.draw(config.batchSize).map((i) => sequences[i]);
          const total = drawn.reduce((sum, { completion }) => sum + completion.length, 0);
          let gradients: Gradients | null = null, loss = 0, entropy = 0, hits = 0;
          try {
            for (const [from, some] of microBatches(drawn, size)) {
              if (from > 0) await breathe(signal);
              const batch = new TokenBatch(some);
              const dropoutSeed = Math.floor(counterUniform(config.seed, index, from) * 2 ** 31);
              try {
                const result = await backward(
                  model.decoder,
                  batch,
                  ({ logprobs }) => ({
                    loss: -logprobs.reduce((sum, x) => sum + x, 0) / total,
                    gradient: new Float32Array(logprobs.length).fill(-1 / total),
                  }),
                  { dropoutSeed, checkpointing: config.checkpointing },
                );
                loss += result.loss;
                entropy += result.values.entropy.reduce((sum, x) => sum + x, 0);
                hits += result.values.hits.reduce((sum, x) => sum + x, 0);
                gradients = addGradients(gradients, result.gradients);
              } finally {
                batch.dispose();
              }
            }
          } catch (error) {
            // what a resume draws must be what this step drew
            cursor.state = drawnFrom;
            disposeGradients(gradients);
            throw error;
          }
          const lr = rate.at(index, steps), at = (value: Scheduled) => anneal(value).at(index, steps);
          const gradientNorm = await optimizer.step(gradients!, {
            learningRate: lr,
            weightDecay: at(config.weightDecay),
            maxGradNorm: at(config.maxGradNorm),
            loss,
          });
          const verdict = guard.check(loss, gradientNorm);
          const seconds = (performance.now() - started) / 1000;
          return {
            metrics: {
              loss,
              learningRate: lr,
              gradientNorm,
              entropy: entropy / total,
              tokens: total,
              tokenAccuracy: hits / total,
              tokensPerSecond: total / seconds,
              skippedUpdates: guard.state.skipped,
              seconds: { training: seconds },
            },
            failure: verdict === "stop"
              ? "the loss or its gradient was not finite several times in a row"
              : undefined,
          };
        },
        async save() {
          return {
            tensors: await parameterState(model, optimizer),
            state: { cursor: cursor.state, updates: optimizer.updates, guard: guard.state },
          };
        },
        restore({ tensors, state }) {
          const held = state as {
            cursor: EpochCursor["state"];
            updates: number;
            guard: { skipped: number; inARow: number };
          };
          restoreParameters(model, optimizer, tensors, held.updates);
          cursor.state = held.cursor;
          Object.assign(guard.state, held.guard);
        },
      },
      config,
      { ...hooks, evaluation: evaluationHook(model, hooks.evaluation) },
    );
  } finally {
    optimizer.dispose();
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
