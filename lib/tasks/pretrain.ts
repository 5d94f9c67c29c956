/**
 * `deno task pretrain`: makes the embedded model `data/models/tiny-gemma` from nothing, on generated text.
 *
 * The text (`lib/data/pretraining_text.ts`) is arithmetic, word problems solved in plain prose, and question answering, in Gemma's
 * chat format; the tags never occur, and neither does a held-out problem. The loss is on the answers. Everything is seeded. A run that
 * was stopped goes on where it was with `--resume`.
 *
 *     deno task pretrain [--steps 3600] [--batch 32] [--seed 1] [--output FOLDER] [--checkpoints FOLDER] [--resume]
 */
import { parseArgs } from "node:util";
import { join } from "node:path";
import "../notebook/observe.ts";
import { useBackend } from "../kernels/use_backend.ts";
import { trainTokenizer } from "../data/bpe_trainer.ts";
import { heldOutProblems } from "../data/held_out.ts";
import { normaliseQuestion } from "../data/normalise_question.ts";
import { pretrainingDocument } from "../data/pretraining_text.ts";
import { Random } from "../random/random.ts";
import { createModel } from "../models/create_model.ts";
import { tinyGemmaConfig } from "../models/tiny_gemma.ts";
import { chatPrompt } from "../text/chat_prompt.ts";
import { Tokenizer } from "../text/tokenizer.ts";
import { accumulate } from "../training/accumulate.ts";
import { crossEntropy } from "../training/cross_entropy.ts";
import type { TrainingRun } from "../training/run.ts";
import { Trainer, type TrainerState } from "../training/trainer.ts";
import { type LoopHooks, trainingLoop } from "../training/training_loop.ts";

/** Options of {@linkcode pretrain}. */
export interface PretrainOptions {
  steps: number;
  /** Documents a step. */
  batch: number;
  seed: number;
  /** Where the model goes. */
  output: string;
  checkpoints: string;
  resume: boolean;
}

const vocabularySize = 768, peak = 2.5e-3, warmup = 200, decayShare = 0.25;

/** Trains the tokenizer and the model and saves both. */
export async function pretrain(
  { steps, batch, seed, output, checkpoints, resume }: PretrainOptions,
  hooks: Pick<LoopHooks, "onStep" | "signal"> = {},
): Promise<TrainingRun> {
  const texts = new Random(seed);
  const sample = Array.from({ length: 20000 }, () => {
    const { prompt, completion } = pretrainingDocument(texts);
    return `${prompt}\n${completion}`;
  });
  const files = trainTokenizer(sample, {
    vocabularySize,
    required: ["reasoning", "answer", "user", "model"],
  });
  const tokenizer = new Tokenizer(files.tokenizer, files.tokenizerConfig),
    config = tinyGemmaConfig(vocabularySize);
  const model = createModel(config, { tokenizer, seed }), { decoder } = model;
  const random = new Random(seed + 1);
  const trainer = new Trainer(decoder, {
    steps,
    learningRate: {
      at: (step) =>
        peak * Math.min(1, (step + 1) / warmup) * Math.min(1, (steps - step) / (decayShare * steps)),
    },
    betas: [0.9, 0.99],
    weightDecay: 0.05,
  });
  const exclude = new Set(heldOutProblems().map(({ question }) => normaliseQuestion(question)));
  const encode = (text: string) => tokenizer.encode(text, { bos: false });

  const run = await trainingLoop(
    {
      stage: "pretrain",
      name: "pretrain",
      title: `Pre-training ${(model.parameterCount / 1e6).toFixed(2)} M parameters`,
      config: { steps, batch, seed, vocabularySize, peak, warmup, decayShare },
      diagnosis: { stage: "pretrain" },
      async step(index, signal) {
        const started = performance.now();
        const documents = Array.from({ length: batch }, () => {
          const { prompt, completion } = pretrainingDocument(random, { exclude });
          return {
            prompt: encode(chatPrompt(tokenizer, prompt)),
            completion: [...encode(completion), tokenizer.endOfTurnId],
          };
        });
        const count = documents.reduce((sum, { completion }) => sum + completion.length, 0);
        const learned = await accumulate(decoder, documents, () => crossEntropy(count), {
          size: batch,
          budget: trainer.passes,
          signal,
        });
        const { metrics, notes, failure } = await trainer.update(index, learned);
        const { loss, tokens, hits } = learned, training = (performance.now() - started) / 1000;
        return {
          metrics: {
            loss,
            ...metrics,
            tokens,
            tokenAccuracy: hits / tokens,
            tokensPerSecond: tokens / training,
            seconds: { training },
          },
          notes,
          failure,
        };
      },
      async save() {
        const { tensors, state } = await trainer.save();
        return { tensors, state: { ...state, random: random.state } };
      },
      restore({ tensors, state }) {
        const held = state as TrainerState & { random: Random["state"] };
        trainer.restore({ tensors, state: held });
        random.state = held.random;
      },
    },
    { steps, checkpointEvery: 200, checkpoints },
    { ...hooks, resumeFrom: resume ? checkpoints : undefined },
  );

  if (run.ended === "finished") {
    await model.save(output);
    const json = (value: unknown, indent: number) => `${JSON.stringify(value, null, indent)}\n`;
    await Deno.writeTextFile(join(output, "tokenizer.json"), json(files.tokenizer, 1));
    await Deno.writeTextFile(join(output, "tokenizer_config.json"), json(files.tokenizerConfig, 2));
  }
  trainer.dispose();
  model.dispose();
  return run;
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      steps: { type: "string", default: "3600" },
      batch: { type: "string", default: "32" },
      seed: { type: "string", default: "1" },
      output: { type: "string", default: "data/models/tiny-gemma" },
      checkpoints: { type: "string", default: "results/pretrain/checkpoints" },
      resume: { type: "boolean", default: false },
    },
  });
  console.log(await useBackend({ backend: "cpu" }));
  const { steps, batch, seed, ...rest } = values;
  const run = await pretrain({ ...rest, steps: Number(steps), batch: Number(batch), seed: Number(seed) });
  console.log(
    run.ended === "finished"
      ? `${values.output}: ${run.steps.length} steps in ${(run.seconds / 60).toFixed(1)} minutes`
      : `${run.reason}; go on with --resume`,
  );
  Deno.exit(run.ended === "finished" ? 0 : 1);
}
