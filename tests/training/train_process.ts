/**
 * A training process to be killed: trains a tiny model on the CPU, a checkpoint a step, going on from the newest one below `root`.
 * Prints `ready`, then `step N` once step N is saved, and at the end a line of JSON with what must come out the same.
 */
import { createHash } from "node:crypto";
import { useBackend } from "../../lib/backend/use_backend.ts";
import { trainTokenizer } from "../../lib/data/bpe_trainer.ts";
import { difficulties, type Problem } from "../../lib/data/problem.ts";
import { createModel } from "../../lib/models/create_model.ts";
import { tinyGemmaConfig } from "../../lib/models/tiny_gemma.ts";
import type { Reward } from "../../lib/rewards/reward.ts";
import { grpo } from "../../lib/stages/grpo.ts";
import { sft } from "../../lib/stages/sft.ts";
import { Tokenizer } from "../../lib/text/tokenizer.ts";
import { latestCheckpoint, loadCheckpoint } from "../../lib/training/checkpoint.ts";

/** What the process is told, as JSON in its only argument. */
export interface ProcessOptions {
  stage: "sft" | "grpo";
  steps: number;
  /** Where the checkpoints are. */
  root: string;
  /** Trains an adapter on frozen weights, whose reference policy is the adapter off. */
  lora?: boolean;
  /** Ends the run by its signal after this step, as a person's stop does. */
  stopAfter?: number;
}

/** What must come out the same however often the process was killed. */
export interface ProcessResult {
  /** SHA-256 of the weights and the optimizer's moments. */
  tensors: string;
  /** SHA-256 of all metrics of all steps but the times. */
  metrics: string;
  losses: number[];
  completions: string[];
}

const problems = Array.from({ length: 24 }, (_, i): Problem => {
  const a = 2 + i * 7 % 11, b = 3 + i * 5 % 13;
  return {
    id: `sum/${i}`,
    question: `What is ${a} plus ${b}?`,
    answer: `${a + b}`,
    reasoning: `${a} + ${b} = ${a + b}.`,
    difficulty: difficulties[i % 3],
    domain: "maths",
  };
});

/** Something that random weights already earn in different amounts: digits among the characters. */
const digits: Reward = {
  names: ["digits"],
  score: (samples) =>
    Promise.resolve(samples.map(({ completion }) => {
      const score = completion.replace(/\D/g, "").length / Math.max(1, completion.length);
      return { total: score, components: { digits: { score, weight: 1 } } };
    })),
  weights: () => ({ digits: 1 }),
  toJSON: () => ({ preset: "digits" }),
};

if (import.meta.main) {
  const { stage, steps, root, lora, stopAfter }: ProcessOptions = JSON.parse(Deno.args[0]);
  await useBackend({ backend: "cpu" });
  const texts = problems.flatMap(({ question, reasoning }) => [question, reasoning!]);
  const { tokenizer: file, tokenizerConfig } = trainTokenizer(texts, { vocabularySize: 400 });
  const tokenizer = new Tokenizer(file, tokenizerConfig);
  const shape = { layers: 2, hiddenSize: 32, intermediateSize: 64, heads: 2, kvHeads: 1, headDim: 16 };
  const config = { ...tinyGemmaConfig(tokenizer.vocabularySize), ...shape };
  config.layerWindows = [16, null];
  config.layerRope = config.layerRope.slice(0, 2);
  const model = createModel(config, { tokenizer, seed: 5, standardDeviation: 0.2 });
  if (lora) model.addLora({ rank: 4 });

  const resumeFrom = await latestCheckpoint(root) ?? undefined;
  const stop = new AbortController();
  const onStep = ({ step }: { step: number }) => {
    // A step is saved after this call, so the one before is.
    if (step > 1) console.log(`step ${step - 1}`);
    if (step === stopAfter) stop.abort();
  };
  const common = {
    steps,
    checkpoints: root,
    checkpointEvery: 1,
    resumeFrom,
    onStep,
    signal: stop.signal,
    learningRate: 3e-3,
    seed: 3,
  };
  console.log("ready");
  const run = stage === "sft"
    ? await sft(model, problems, {
      ...common,
      batchSize: 6,
      gradientAccumulation: 2,
      demonstrations: { full: 2, terse: 1 },
    })
    // Two iterations a batch, so that kills fall between them too, and rollouts in hand are part of a checkpoint.
    : await grpo(model, problems, {
      ...common,
      reward: digits,
      promptsPerStep: 3,
      generations: 4,
      iterations: 2,
      beta: 0.05,
      maxTokens: 12,
      temperature: { kind: "linear", from: 1.2, to: 0.8 },
    });
  const { tensors } = await loadCheckpoint(root), hash = createHash("sha256");
  for (const [name, { data }] of Object.entries(tensors).sort(([a], [b]) => a < b ? -1 : 1)) {
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  const metrics = run.steps.map(({ seconds: _, tokensPerSecond: __, ...rest }) => rest);
  const result: ProcessResult = {
    tensors: hash.digest("hex"),
    metrics: createHash("sha256").update(JSON.stringify(metrics)).digest("hex"),
    losses: metrics.map(({ loss }) => loss),
    completions: run.completions.map(({ completion }) => completion),
  };
  console.log(JSON.stringify(result));
  Deno.exit();
}
