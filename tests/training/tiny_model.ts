/** A model of random weights, problems and a reward for tests that train: a step takes milliseconds. */
import { trainTokenizer } from "../../lib/data/bpe_trainer.ts";
import { difficulties, type Problem } from "../../lib/data/problem.ts";
import type { CausalLM } from "../../lib/models/causal_lm.ts";
import { createModel } from "../../lib/models/create_model.ts";
import { tinyGemmaConfig } from "../../lib/models/tiny_gemma.ts";
import type { Reward } from "../../lib/rewards/reward.ts";
import { Tokenizer } from "../../lib/text/tokenizer.ts";

export const problems = Array.from({ length: 24 }, (_, i): Problem => {
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
export const digits: Reward = {
  names: ["digits"],
  score: (samples) =>
    Promise.resolve(samples.map(({ completion }) => {
      const score = completion.replace(/\D/g, "").length / Math.max(1, completion.length);
      return { total: score, components: { digits: { score, weight: 1 } } };
    })),
  weights: () => ({ digits: 1 }),
  toJSON: () => ({ preset: "digits" }),
};

/** Two layers, 32 wide, a vocabulary of 400; the same weights every time. */
export function tinyModel(): CausalLM {
  const texts = problems.flatMap(({ question, reasoning }) => [question, reasoning!]);
  const { tokenizer: file, tokenizerConfig } = trainTokenizer(texts, { vocabularySize: 400 });
  const tokenizer = new Tokenizer(file, tokenizerConfig);
  const shape = { layers: 2, hiddenSize: 32, intermediateSize: 64, heads: 2, kvHeads: 1, headDim: 16 };
  const config = { ...tinyGemmaConfig(tokenizer.vocabularySize), ...shape };
  config.layerWindows = [16, null];
  config.layerRope = config.layerRope.slice(0, 2);
  return createModel(config, { tokenizer, seed: 5, standardDeviation: 0.2 });
}
