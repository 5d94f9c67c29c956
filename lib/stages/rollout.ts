import type { Problem } from "../data/problem.ts";
import type { CausalLM, Completion } from "../models/causal_lm.ts";
import type { Reward, RewardResult } from "../rewards/reward.ts";
import { untilAborted } from "../training/until_aborted.ts";
import { problemPrompt } from "./problem_prompt.ts";

/** The completions of one prompt and what they are worth. */
export interface RolloutGroup {
  problem: Problem;
  promptIds: number[];
  completions: Completion[];
  rewards: RewardResult[];
}

/** When the rollouts are made, and how. */
export interface RolloutOptions {
  generations: number;
  systemPrompt: string | null;
  maxTokens: number;
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  seed: number;
  step: number;
  steps: number;
  phase: string;
  signal: AbortSignal;
}

/** Samples a group of completions for each problem and scores them all. */
export async function rollOut(model: CausalLM, reward: Reward, problems: Problem[], options: RolloutOptions) {
  const { generations, systemPrompt, step, steps, phase, signal, ...sampling } = options,
    started = performance.now();
  const prompts = problems.map((problem) => problemPrompt(model.tokenizer, problem, systemPrompt));
  const completions = await model.generate(prompts.map(({ ids }) => ids), {
    ...sampling,
    n: generations,
    signal,
  });
  signal.throwIfAborted();
  const sampled = performance.now();
  const scores = reward.score(completions.map((completion) => ({
    prompt: prompts[completion.prompt].text,
    completion: completion.text,
    problem: problems[completion.prompt],
    tokens: completion.pieces,
    tokenLogprobs: completion.logprobs,
    step,
    steps,
    phase,
  })));
  const rewards = await untilAborted(scores, signal);
  const groups = problems.map((problem, i): RolloutGroup => {
    const own = completions.flatMap((completion, at) => completion.prompt === i ? [at] : []);
    return {
      problem,
      promptIds: prompts[i].ids,
      completions: own.map((at) => completions[at]),
      rewards: own.map((at) => rewards[at]),
    };
  });
  return {
    groups,
    samplingSeconds: (sampled - started) / 1000,
    rewardSeconds: (performance.now() - sampled) / 1000,
  };
}

/** Whether all rewards of a group are equal, so that it teaches nothing; a completion that could not be scored is not counted. */
export function withoutSignal({ rewards }: Pick<RolloutGroup, "rewards">): boolean {
  const known = rewards.map(({ total }) => total).filter((total) => !Number.isNaN(total));
  return known.every((total) => total === known[0]);
}
