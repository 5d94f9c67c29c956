import assert from "node:assert/strict";
import { modelCard } from "../../lib/models/model_card.ts";
import { runCard } from "../../lib/report/run_card.ts";
import { inventedEvaluation, inventedGrpo, inventedSft } from "./invented.ts";

Deno.test("runCard() tells the stages, data, rewards, evaluations and seeds of a run", () => {
  const sft = {
    ...inventedSft(3),
    config: { seed: 4, batchSize: 8, learningRate: 2e-3, checkpoints: "hidden" },
  };
  const grpo = {
    ...inventedGrpo(2),
    ended: "interrupted" as const,
    config: {
      seed: 5,
      algorithm: null,
      loss: "dapo",
      beta: 0,
      systemPrompt: "Show your work.",
      reward: {
        preset: null,
        components: {
          correctness: { weight: { kind: "linear", from: 0.4, to: 0.6 } },
          repetition: { weight: -0.1 },
          mine: {},
        },
      },
    },
  };
  const base = inventedEvaluation("base", 0.2, 0.1, 40);
  const card = runCard({
    config: {
      name: "demo",
      seed: 1,
      model: { path: "x", seed: 2 },
      data: {
        seed: 3,
        train: [{ source: "generator", count: 4000 }, { source: "gsm8k", path: "gsm8k.jsonl", limit: null }],
        test: [{ source: "generator", count: 10 }],
      },
    },
    runs: [sft, grpo],
    evaluations: { base },
  });
  assert.deepEqual(card, {
    title: "demo",
    stages: [
      { name: "SFT", steps: 3, settings: { learningRate: 2e-3, batchSize: 8 } },
      {
        name: "GRPO",
        steps: 2,
        settings: { ended: "interrupted", loss: "dapo", beta: 0, systemPrompt: "Show your work." },
      },
    ],
    data: [{ source: "generator", count: 4000 }, { source: "gsm8k (gsm8k.jsonl)" }],
    rewards: { correctness: "0.4 → 0.6 (linear)", repetition: -0.1, mine: "its own" },
    metrics: [{
      name: "base",
      accuracy: base.accuracy.value,
      interval: [base.accuracy.low, base.accuracy.high],
      formatRate: base.formatRate.value,
      count: base.accuracy.total,
    }],
    seeds: { run: 1, data: 3, adapter: 2, sft: 4, grpo: 5 },
  });
  const text = modelCard({ ...card, baseModel: "x", title: "t" });
  for (const line of ["- correctness: 0.4 → 0.6 (linear)", "- grpo: 5", "- gsm8k (gsm8k.jsonl)"]) {
    assert.ok(text.split("\n").includes(line), line);
  }
});

Deno.test("runCard() of a run without a configuration says nothing that it does not know", () => {
  assert.deepEqual(runCard({ config: {}, runs: [], evaluations: {} }), {
    stages: [],
    data: [],
    rewards: {},
    metrics: [],
    seeds: {},
  });
});

Deno.test("runCard() names the run's format, and the model card says it", () => {
  const formats: [unknown, string][] = [
    ["tags", "to reason in `<reasoning>` and `<answer>` tags."],
    [{ kind: "tags", reasoning: "think", answer: "answer" }, "to reason in `<think>` and `<answer>` tags."],
    ["boxed", "to put its answer in `\\boxed{}`."],
    [{ name: "last line" }, "to answer in the format `last line`."],
  ];
  for (const [format, says] of formats) {
    const runs = [{ ...inventedGrpo(2), config: { format } }];
    const card = runCard({ config: {}, runs, evaluations: {} });
    const text = modelCard({ title: "t", baseModel: "x", ...card });
    assert.ok(text.includes(`trained with showwork ${says}`), text);
  }
  assert.match(modelCard({ title: "t", baseModel: "x" }), /trained with showwork\. The base/);
});
