import type { ResponseFormat } from "../formats/response_format.ts";
import { defaultFormat } from "../formats/response_format_of.ts";
import { moments } from "../training/moments.ts";
import type { ObservedSample } from "../display/observer.ts";
import type { CompletionRecord, StepMetrics } from "../training/run.ts";
import type { RolloutBatch, RolloutGroup } from "./rollouts.ts";

/** A standard deviation of fewer than two numbers is 0 in a log. */
const spread = (std: number) => Number.isNaN(std) ? 0 : std;

/** What a step's rollouts say, before any training: rewards by component, lengths, truncation, format, signal. */
export function rolloutMetrics(
  { groups, withoutSignal, dropped, phase }: Pick<
    RolloutBatch,
    "groups" | "withoutSignal" | "dropped" | "phase"
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

/** The first group of a step, as records: enough to read how the model changes. */
export function rolloutRecords(groups: RolloutGroup[], step: number): CompletionRecord[] {
  const [{ problem, completions, rewards }] = groups;
  return completions.map(({ text }, i) => {
    const scores = Object.entries(rewards[i].components), failed = scores.filter(([, { error }]) => error);
    return {
      stage: "grpo",
      step,
      problemId: problem.id,
      completion: text,
      reward: rewards[i].total,
      components: Object.fromEntries(scores.map(([name, { score }]) => [name, score])),
      ...(failed.length
        ? { errors: Object.fromEntries(failed.map(([name, { error }]) => [name, error!])) }
        : {}),
    };
  });
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
