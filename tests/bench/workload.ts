import { trainTokenizer } from "../../lib/data/bpe_trainer.ts";
import type { Problem } from "../../lib/data/problem.ts";
import { Random } from "../../lib/random/random.ts";
import type { CausalLM } from "../../lib/models/causal_lm.ts";
import { createModel } from "../../lib/models/create_model.ts";
import type { DecoderConfig } from "../../lib/models/decoder_config.ts";
import { generate } from "../../lib/generation/generate.ts";
import { learningRate } from "../../lib/schedules/learning_rate.ts";
import type { Reward } from "../../lib/rewards/reward.ts";
import { grpo } from "../../lib/stages/grpo.ts";
import { problemPrompt } from "../../lib/stages/problem_prompt.ts";
import { Tokenizer } from "../../lib/text/tokenizer.ts";
import { accumulate } from "../../lib/training/accumulate.ts";
import { crossEntropy } from "../../lib/training/cross_entropy.ts";
import { Trainer } from "../../lib/training/trainer.ts";

/** What is timed. */
export interface Work {
  vocabulary: number;
  /** GRPO: prompts of so many tokens, and completions of each. */
  promptLength: number;
  newTokens: number;
  prompts: number;
  group: number;
  temperature: number;
  /** Completions that are sampled alone. */
  sampled: { rows: number; tokens: number; temperature: number };
  /** Sequences of an SFT step, of which `prompt` tokens are no completion. */
  sft: { rows: number; length: number; prompt: number };
}

/** The work of peers/trl_cpu.py: a random Gemma 3, 4 prompts of 32 tokens × 8 completions of 64. */
export const work: Work = {
  vocabulary: 512,
  promptLength: 32,
  newTokens: 64,
  prompts: 4,
  group: 8,
  temperature: 1,
  sampled: { rows: 32, tokens: 64, temperature: 1 },
  sft: { rows: 32, length: 96, prompt: 1 },
};

/** The work on a real model's shape: see peers/real_cpu.py. */
export const realWork: Work = {
  vocabulary: 512,
  promptLength: 48,
  newTokens: 100,
  prompts: 4,
  group: 8,
  temperature: 0.8,
  sampled: { rows: 24, tokens: 160, temperature: 0 },
  sft: { rows: 8, length: 184, prompt: 100 },
};

/** So little of it that it takes a second. */
export const tinyWork: Work = {
  ...realWork,
  newTokens: 4,
  prompts: 2,
  group: 2,
  sampled: { rows: 3, tokens: 4, temperature: 0 },
  sft: { rows: 2, length: 12, prompt: 6 },
};

/** Width and layers: 1.1 M and 6.4 M parameters. */
export const sizes = { small: [128, 4], medium: [256, 6] } as const;
export type Size = keyof typeof sizes;

function configOf([width, layers]: readonly [number, number]): DecoderConfig {
  return {
    architecture: "gemma3_text",
    vocabSize: work.vocabulary,
    hiddenSize: width,
    intermediateSize: 4 * width,
    layers,
    heads: 4,
    kvHeads: 4,
    headDim: width / 4,
    rmsEps: 1e-6,
    rmsAddOne: true,
    qkNorm: true,
    postNorms: true,
    activation: "gelu_tanh",
    embeddingScale: Math.sqrt(width),
    queryScale: (width / 4) ** -0.5,
    attentionSoftcap: null,
    finalSoftcap: null,
    tiedEmbeddings: true,
    attentionBias: false,
    outputBias: false,
    mlpBias: false,
    layerWindows: Array.from({ length: layers }, () => 256),
    layerRope: Array.from({ length: layers }, () => ({ base: 10000, scaling: null })),
    maxPositions: 256,
    bosId: 2,
    eosIds: [],
    padId: 0,
  };
}

/** A model of random weights. */
export function randomModel(size: Size): CausalLM {
  const files = trainTokenizer(["w ".repeat(100)], { vocabularySize: work.vocabulary });
  return createModel(configOf(sizes[size]), {
    tokenizer: new Tokenizer(files.tokenizer, files.tokenizerConfig),
    seed: 0,
  });
}

const tokens = (count: number, random: Random) =>
  Array.from({ length: count }, () => random.between(4, work.vocabulary - 1));

/** An SFT step, forward, backward and AdamW: call it as often as it is to be timed. */
export function sftStep(model: CausalLM, { sft: { rows, length, prompt } } = work): () => Promise<void> {
  const random = new Random(0), { decoder } = model, all = rows * (length - prompt);
  const trainer = new Trainer(decoder, { steps: 1, learningRate: learningRate(1e-3) });
  const sequences = Array.from({ length: rows }, () => ({
    prompt: tokens(prompt, random),
    completion: tokens(length - prompt, random),
  }));
  return async () => {
    const { passes: budget } = trainer;
    await trainer.update(0, await accumulate(decoder, sequences, () => crossEntropy(all), { budget }));
  };
}

/** Completions of different prompts. */
export function sampling(model: CausalLM, { sampled, promptLength } = work): () => Promise<unknown> {
  const random = new Random(1), { rows, tokens: maxTokens, temperature } = sampled;
  const prompts = Array.from({ length: rows }, () => tokens(promptLength, random));
  return () => generate(model.decoder, prompts, { maxTokens, temperature, eosIds: [] });
}

/** GRPO steps at β 0.03, as the peers have them; `onStep` is called after each. */
export async function grpoSteps(
  model: CausalLM,
  steps: number,
  { promptLength, newTokens, prompts, group, temperature } = work,
  onStep: () => void = () => {},
) {
  const random = new Random(1), letter = () => String.fromCharCode(97 + random.int(26));
  const problem = (id: string, letters: number): Problem => ({
    id,
    question: Array.from({ length: letters }, letter).join(" "),
    answer: "",
    difficulty: "easy",
    domain: "maths",
  });
  // as many letters as give a prompt of that many tokens
  let letters = 1;
  while (promptTokens(model, problem("", letters)) < promptLength) letters++;
  const problems = Array.from({ length: 200 }, (_, i) => problem(String(i), letters));
  const reward: Reward = {
    names: ["variety"],
    weights: () => ({ variety: 1 }),
    score: (samples) =>
      Promise.resolve(samples.map(({ completion }) => {
        const score = new Set(completion).size / newTokens;
        return { total: score, components: { variety: { score, weight: 1 } } };
      })),
    toJSON: () => "variety",
  };
  return await grpo(model, problems, {
    steps,
    promptsPerStep: prompts,
    generations: group,
    maxTokens: newTokens,
    beta: 0.03,
    temperature,
    learningRate: 1e-6,
    reward,
    onStep,
  });
}

const promptTokens = (model: CausalLM, problem: Problem) =>
  problemPrompt(model.tokenizer, problem).ids.length;
