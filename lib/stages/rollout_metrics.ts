import type { ResponseFormat } from "../formats/response_format.ts";
import { defaultFormat } from "../formats/response_format_of.ts";
import { moments } from "../training/moments.ts";
import type { ObservedSample } from "../display/observer.ts";
import type { Completion } from "../models/causal_lm.ts";
import type { CompletionRecord, RecordedTokens, StepMetrics } from "../training/run.ts";
import type { TokenTrace } from "./policy_gradients.ts";
import type { RolloutBatch, RolloutGroup } from "./rollout_batch.ts";

/** A standard deviation of fewer than two numbers is 0 in a log. */
const spread = (std: number) => Number.isNaN(std) ? 0 : std;

/** What a step's rollouts say, before any training: rewards by component, lengths, truncation, format, signal. */
export function rolloutMetrics(
  { sampled: groups, withoutSignal, dropped, phase }: Pick<
    RolloutBatch,
    "sampled" | "withoutSignal" | "dropped" | "phase"
  >,
  weights: Record<string, number>,
  format: ResponseFormat = defaultFormat,
): Partial<StepMetrics> {
  const completions = groups.flatMap((group) => group.completions),
    rewards = groups.flatMap((group) => group.rewards);
  const total = moments(rewards.map((reward) => reward.total)),
    lengths = completions.map(({ tokens }) => tokens.length);
  const ended = completions.filter(({ truncated }) => !truncated).map(({ tokens }) => tokens.length);
  const components: StepMetrics["components"] = {};
  for (const [name, weight] of Object.entries(weights)) {
    const scores = rewards.map((reward) => reward.components[name]),
      { mean, std, count } = moments(scores.map((score) => score?.score ?? NaN));
    if (count === 0 && !scores.some((score) => score?.error)) continue;
    components[name] = {
      mean,
      std: spread(std),
      weight,
      failures: scores.filter((score) => score?.error).length,
    };
  }
  return {
    reward: total.mean,
    rewardStd: spread(total.std),
    components,
    completionLength: {
      mean: moments(lengths).mean,
      min: Math.min(...lengths),
      max: Math.max(...lengths),
      terminatedMean: ended.length ? moments(ended).mean : 0,
    },
    truncatedFraction: 1 - ended.length / completions.length,
    formatRate: completions.filter(({ text }) => format.read(text).wellFormed).length /
      completions.length,
    zeroVarianceFraction: withoutSignal / (groups.length + dropped),
    phase,
  };
}

/** What the records of a step are made from. */
export interface RecordedRollouts {
  groups: RolloutGroup[];
  /** Absent where a completion is worth nothing beside its siblings. */
  advantages?: number[][];
  /** What the update found of a completion's tokens, where they are kept. */
  traces?: ReadonlyMap<Completion, TokenTrace>;
  /** The stage that sampled them. @default "grpo" */
  stage?: string;
}

/** The first group of a step, as records: enough to read how the model changes. */
export function rolloutRecords(
  { groups, advantages, traces, stage = "grpo" }: RecordedRollouts,
  step: number,
): CompletionRecord[] {
  const [{ problem, completions, rewards }] = groups;
  return completions.map((completion, i) => {
    const scores = Object.entries(rewards[i].components), failed = scores.filter(([, { error }]) => error);
    return {
      stage,
      step,
      problemId: problem.id,
      question: problem.question,
      reference: problem.answer,
      completion: completion.text,
      reward: rewards[i].total,
      ...(advantages ? { advantage: advantages[0][i] } : {}),
      components: Object.fromEntries(scores.map(([name, { score }]) => [name, score])),
      ...(traces?.has(completion) ? { tokens: recordedTokens(completion, traces.get(completion)!) } : {}),
      ...(failed.length
        ? { errors: Object.fromEntries(failed.map(([name, { error }]) => [name, error!])) }
        : {}),
    };
  });
}

/** Steps of a run whose tokens are kept, at most: some 30 kB each. */
const tracedSteps = 200;

/** Whether the tokens of step number `index` of `steps` are kept: of all, or of some that lie evenly, the first and the last among them. */
export function keepsTokens(index: number, steps: number): boolean {
  const place = (i: number) => Math.floor(i * (tracedSteps - 1) / Math.max(1, steps - 1));
  return steps <= tracedSteps || index === 0 || place(index) !== place(index - 1);
}

const three = (value: number) => Number(value.toFixed(3)) + 0;

function recordedTokens({ pieces, logprobs }: Completion, trace: TokenTrace): RecordedTokens {
  return {
    text: pieces,
    logprobs: logprobs.map(three),
    ratios: trace.logprobs.map((now, t) => three(Math.exp(now - logprobs[t]))),
    ...(trace.referenceLogprobs
      ? {
        kl: trace.referenceLogprobs.map((reference, t) => {
          const difference = reference - trace.logprobs[t];
          return three(Math.exp(difference) - difference - 1);
        }),
      }
      : {}),
  };
}

/** The first completion of a step, for people to watch. */
export function rolloutSample(
  [{ problem, completions, rewards }]: RolloutGroup[],
  format: ResponseFormat = defaultFormat,
): ObservedSample {
  return {
    prompt: problem.question,
    completion: completions[0].text,
    spans: format.read(completions[0].text).spans,
    reference: problem.answer,
    reward: rewards[0].total,
  };
}
