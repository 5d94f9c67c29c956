import assert from "node:assert/strict";
import { keepsTokens, rolloutMetrics, rolloutRecords } from "../../lib/stages/rollout_metrics.ts";
import type { RolloutGroup } from "../../lib/stages/rollout_batch.ts";
import type { RewardResult } from "../../lib/rewards/reward.ts";

const rewards: RewardResult[] = [
  {
    total: 1,
    components: {
      correctness: { score: 1, weight: 1 },
      judge: { score: null, weight: 1, error: "HTTP 500" },
    },
  },
  { total: 0.5, components: { correctness: { score: 0, weight: 1 }, judge: { score: 0.5, weight: 1 } } },
];
const group = {
  problem: { id: "p", question: "5 + 3?", answer: "8", difficulty: "easy", domain: "maths" },
  completions: [
    { text: "<reasoning>a</reasoning><answer>8</answer>", tokens: [1, 2], truncated: false },
    { text: "b", tokens: [1, 2, 3, 4], truncated: true },
  ],
  rewards,
} as unknown as RolloutGroup;
const batch = { sampled: [group], withoutSignal: 1, dropped: 2, phase: "easy" };

Deno.test("rolloutMetrics() counts a component's failures and averages what it scored", () => {
  const { components, reward, zeroVarianceFraction } = rolloutMetrics(batch, { correctness: 1, judge: 1 });
  assert.equal(reward, 0.75);
  // of the one group kept and the two dropped
  assert.equal(zeroVarianceFraction, 1 / 3);
  assert.deepEqual(components!.judge, { mean: 0.5, std: 0, weight: 1, failures: 1 });
  assert.equal(components!.correctness.failures, 0);
});

Deno.test("rolloutRecords() keep why a component has no score", () => {
  const [failed, whole] = rolloutRecords({ groups: [group], advantages: [[0.5, -0.5]] }, 3);
  assert.deepEqual(failed.components, { correctness: 1, judge: null });
  assert.deepEqual(failed.errors, { judge: "HTTP 500" });
  assert.ok(!("errors" in whole));
});

Deno.test("keepsTokens() keeps every step of a short run, and 200 of a long one, the first and the last among them", () => {
  const kept = (steps: number) =>
    Array.from({ length: steps }, (_, i) => i).filter((i) => keepsTokens(i, steps));
  assert.equal(kept(200).length, 200);
  const long = kept(2000);
  assert.deepEqual([long.length, long[0], long.at(-1)], [200, 0, 1999]);
  assert.deepEqual(kept(1), [0]);
});

Deno.test("rolloutRecords() keep each token's probability, and what the update found of ratio and KL", () => {
  const completion = { ...group.completions[0], pieces: ["a", "b"], logprobs: [-1, -2] };
  const trace = { logprobs: [-1.1, -2], referenceLogprobs: [-1, -2] };
  const [record] = rolloutRecords({
    groups: [{ ...group, completions: [completion], rewards: group.rewards.slice(0, 1) }],
    advantages: [[0.5, -0.5]],
    traces: new Map([[completion, trace]]),
  }, 3);
  assert.equal(record.advantage, 0.5);
  assert.deepEqual(record.tokens, {
    text: ["a", "b"],
    logprobs: [-1, -2],
    ratios: [0.905, 1], // e^-0.1
    kl: [0.005, 0], // e^0.1 - 0.1 - 1
  });
});
