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

/** The work of peers/trl_cpu.py: a random Gemma 3, 4 prompts of 32 tokens × 8 completions of 64. */
export const work = { vocabulary: 512, promptLength: 32, newTokens: 64, prompts: 4, group: 8 } as const;

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

/** An SFT step on 32 × 96 tokens, forward, backward and AdamW: call it as often as it is to be timed. */
export function sftStep(model: CausalLM): () => Promise<void> {
  const random = new Random(0), { decoder } = model;
  const trainer = new Trainer(decoder, { steps: 1, learningRate: learningRate(1e-3) });
  const length = work.promptLength + work.newTokens,
    rows = work.prompts * work.group,
    all = rows * (length - 1);
  const sequences = Array.from({ length: rows }, () => ({
    prompt: tokens(1, random),
    completion: tokens(length - 1, random),
  }));
  return async () => {
    await trainer.update(0, await accumulate(decoder, sequences, () => crossEntropy(all)));
  };
}

/** 64 tokens after each of 32 different prompts of 32 tokens. */
export function sampling(model: CausalLM): () => Promise<unknown> {
  const random = new Random(1);
  const prompts = Array.from({ length: work.prompts * work.group }, () => tokens(work.promptLength, random));
  return () => generate(model.decoder, prompts, { maxTokens: work.newTokens, eosIds: [] });
}

/** GRPO steps at β 0.03 and temperature 1, as peers/trl_cpu.py has them; `onStep` is called after each. */
export async function grpoSteps(model: CausalLM, steps: number, onStep: () => void = () => {}) {
  const random = new Random(1), letter = () => String.fromCharCode(97 + random.int(26));
  const problem = (id: string, letters: number): Problem => ({
    id,
    question: Array.from({ length: letters }, letter).join(" "),
    answer: "",
    difficulty: "easy",
    domain: "maths",
  });
  // as many letters as give a prompt of 32 tokens
  let letters = 1;
  while (promptTokens(model, problem("", letters)) < work.promptLength) letters++;
  const problems = Array.from({ length: 200 }, (_, i) => problem(String(i), letters));
  const reward: Reward = {
    names: ["variety"],
    weights: () => ({ variety: 1 }),
    score: (samples) =>
      Promise.resolve(samples.map(({ completion }) => {
        const score = new Set(completion).size / work.newTokens;
        return { total: score, components: { variety: { score, weight: 1 } } };
      })),
    toJSON: () => "variety",
  };
  return await grpo(model, problems, {
    steps,
    promptsPerStep: work.prompts,
    generations: work.group,
    maxTokens: work.newTokens,
    beta: 0.03,
    temperature: 1,
    learningRate: 1e-6,
    reward,
    onStep,
  });
}

const promptTokens = (model: CausalLM, problem: Problem) =>
  problemPrompt(model.tokenizer, problem).ids.length;
