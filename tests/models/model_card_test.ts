import assert from "node:assert/strict";
import { parse } from "@std/yaml";
import { modelCard } from "../../lib/models/model_card.ts";

Deno.test("modelCard() tells what the run did, and its front matter is YAML whatever the names", () => {
  const card = modelCard({
    title: "demo\nadapter",
    baseModel: "models/odd: name # 1",
    licence: "gemma",
    stages: [{ name: "SFT", steps: 300, settings: { learningRate: 2e-3 } }],
    data: [{ source: "generator", count: 4000 }, { source: "authored problems" }],
    rewards: { correctness: "0.4 → 0.6", verbosity: -1 },
    metrics: [{ name: "SFT | GRPO", accuracy: 0.625, interval: [0.57, 0.68], formatRate: 0.995, count: 320 }],
    seeds: { grpo: 3 },
  });
  const [, front, body] = card.split("---\n");
  assert.deepEqual(parse(front), {
    base_model: "models/odd: name # 1",
    library_name: "peft",
    license: "gemma",
    tags: ["lora", "showwork"],
  });
  for (
    const line of [
      "# demo adapter",
      "- SFT: 300 steps, learningRate `0.002`",
      "- generator: 4000 problems",
      "- correctness: 0.4 → 0.6",
      "- verbosity: -1",
      "| SFT \\| GRPO | 62.5 % | 57.0 % – 68.0 % | 99.5 % | 320 |",
      "- grpo: 3",
    ]
  ) assert.ok(body.split("\n").includes(line), line);
});

Deno.test("modelCard() leaves out what it was not told", () => {
  const card = modelCard({ title: "demo", baseModel: "tiny" });
  assert.doesNotMatch(card, /undefined|## (Training|Data|Rewards|Evaluation|Seeds)/);
  assert.match(card, /licence holds for it; it was not stated/);
});
