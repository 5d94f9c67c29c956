import assert from "node:assert/strict";
import { ablateReward } from "../../lib/lab/ablate_reward.ts";
import { type CompositeOptions, compositeReward } from "../../lib/rewards/composite.ts";
import { mediaBundle } from "../display/media_bundle.ts";

const problem = { question: "5 + 3?", answer: "8" };
const texts = [
  "<reasoning>Step 1: 5+3=8. Step 2: Verify. Therefore 8.</reasoning><answer>8</answer>",
  "<reasoning>5+3=8</reasoning><answer>8</answer>",
  "<answer>8</answer>",
  "<reasoning>I calculate...</reasoning><answer>9</answer>",
];
const weighed = (c: number, t: number, f: number): CompositeOptions => ({
  components: { correctness: { weight: c }, trace: { weight: t }, confidence: { weight: f, from: "length" } },
});
const golden = {
  "(1, 0, 0)": weighed(1, 0, 0),
  "(.6, .4, 0)": weighed(0.6, 0.4, 0),
  "(.6, .25, .15)": weighed(0.6, 0.25, 0.15),
  "(.4, .45, .15)": weighed(0.4, 0.45, 0.15),
};

Deno.test("ablateReward() computes SPEC's golden table", async () => {
  const ablation = await ablateReward(golden, texts.map((completion) => ({ completion, problem })));
  const expected = [
    [1.0, 0.6433, 1, 1, 0.9465, 0.9465],
    [0.40, 0.5167, 1, 0.760, 0.7775, 0.6575],
    [0.20, 0.50, 1, 0.680, 0.725, 0.565],
    [0.5167, 0.565, 0, 0.2067, 0.2139, 0.3173],
  ];
  for (const [i, { components, totals }] of ablation.cases.entries()) {
    const { trace, confidence } = components["(1, 0, 0)"];
    const row = [trace!, confidence!, ...ablation.configs.map((config) => totals[config])];
    row.forEach((value, k) =>
      assert.ok(Math.abs(value - expected[i][k]) <= 1e-4, `row ${i}, column ${k}: ${value}`)
    );
  }
  const text = (await mediaBundle(ablation))["text/plain"] as string;
  assert.match(text, /I calculate.* 0\.0000 +0\.5167 +0\.5650 +0\.0000 +0\.2067 +0\.2139 +0\.3173\n/);
});

Deno.test("ablateReward() has a component column for each way in which configurations score it", async () => {
  const ablation = await ablateReward({
    length: weighed(1, 0, 1),
    model: compositeReward({ components: { correctness: { weight: 1 }, confidence: { weight: 1 } } }),
  }, { "a bare answer": { completion: texts[2], problem } });
  const text = (await mediaBundle(ablation))["text/plain"] as string;
  const header = text.split("\n")[1].split(/ {3,}/);
  assert.deepEqual(header, [
    "completion",
    "correctness",
    "trace",
    "confidence in length",
    "confidence in model",
    "length",
    "model",
  ]);
  // without log-probabilities the model's confidence is unknown, and left out of the sum
  assert.match(text, /a bare answer +1\.0000 +0\.2000 +0\.5000 +– +1\.5000 +1\.0000/);
});

Deno.test("ablateReward() takes its options for cases that name no place, and the case's own first", async () => {
  const anneals = { r3: { preset: "r3" as const } }, one = { completion: texts[2], problem };
  const { cases } = await ablateReward(anneals, { start: { ...one, step: 0 }, end: one }, {
    step: 200,
    steps: 200,
  });
  // correct .4 to .6, trace .2 at .45 to .25; no log-probabilities, no tokens
  assert.ok(Math.abs(cases[0].totals.r3 - (0.4 + 0.45 * 0.2)) < 1e-9);
  assert.ok(Math.abs(cases[1].totals.r3 - (0.6 + 0.25 * 0.2)) < 1e-9);
});

Deno.test("ablateReward() escapes what it shows, saves as plain data, and refuses an empty table", async () => {
  const ablation = await ablateReward({ "<b>r</b>": weighed(1, 0, 0) }, [{
    completion: "<script>alert(1)</script>\u001b[31m",
    problem,
  }]);
  const bundle = await mediaBundle(ablation);
  assert.doesNotMatch(bundle["text/html"], /<script|<b>/);
  assert.ok(!bundle["text/plain"].includes("\u001b"));
  assert.deepEqual(JSON.parse(JSON.stringify(ablation)).cases[0].totals, { "<b>r</b>": 0 });
  const bare = await ablateReward({ r: weighed(1, 0, 0) }, { "a case": { completion: "8", problem } }, {
    scores: false,
  });
  assert.deepEqual(((await mediaBundle(bare))["text/plain"] as string).split("\n")[1].split(/ +/), [
    "completion",
    "r",
  ]);
  assert.equal(bare.cases[0].components.r.correctness, 0);
  await assert.rejects(ablateReward({}, [{ completion: "", problem }]), /at least one reward/);
  await assert.rejects(ablateReward(golden, []), /at least one case/);
});
