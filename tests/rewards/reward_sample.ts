import type { RewardSample } from "../../lib/rewards/reward.ts";
import type { ExplainedReward } from "../../lib/rewards/explained.ts";

/** A completion of "5 + 3?" in the medium phase, for tests of components. */
export function sampleOf(
  completion: string,
  { answer = "8", ...extra }: Partial<RewardSample> & { answer?: string } = {},
): RewardSample {
  const problem = { id: "p", question: "5 + 3?", answer, difficulty: "medium" as const, domain: "maths" };
  return { prompt: "", completion, problem, step: 0, steps: 200, phase: "medium", ...extra };
}

/** The words that a component points at, with why. */
export function pointedAt(reward: ExplainedReward, sample: RewardSample): [string, string][] {
  return reward.explain(sample).map(({ start, end, why }) => [sample.completion.slice(start, end), why]);
}
