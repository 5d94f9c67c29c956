import assert from "node:assert/strict";
import {
  answersMatch,
  type ComponentsOptions,
  compositeReward,
  confidence,
  correctness,
  formatCompliance,
  type Problem,
  type RewardSample,
  traceStructure,
  verbosity,
} from "../../mod.ts";

const problem: Problem = { id: "p", question: "5 + 3?", answer: "8", difficulty: "medium", domain: "maths" };
const sample = (completion: string, extra: Partial<RewardSample> = {}): RewardSample => ({
  prompt: "",
  completion,
  problem,
  step: 0,
  steps: 200,
  phase: "medium",
  ...extra,
});
const near = (actual: number | null | undefined, expected: number, tolerance = 1e-4) =>
  assert.ok(
    actual !== null && actual !== undefined && Math.abs(actual - expected) <= tolerance,
    `${actual} is not ${expected}`,
  );

const texts = [
  "<reasoning>Step 1: 5+3=8. Step 2: Verify. Therefore 8.</reasoning><answer>8</answer>",
  "<reasoning>5+3=8</reasoning><answer>8</answer>",
  "<answer>8</answer>",
  "<reasoning>I calculate...</reasoning><answer>9</answer>",
];
const settings = [[1, 0, 0], [0.6, 0.4, 0], [0.6, 0.25, 0.15], [0.4, 0.45, 0.15]];
/** SPEC.md's golden table: trace, confidence by length, then a total a setting. */
const golden = [
  [1.0, 0.6433, 1, 1, 0.9465, 0.9465],
  [0.40, 0.5167, 1, 0.760, 0.7775, 0.6575],
  [0.20, 0.50, 1, 0.680, 0.725, 0.565],
  [0.5167, 0.565, 0, 0.2067, 0.2139, 0.3173],
];

Deno.test("compositeReward() gives SPEC's golden table", async () => {
  for (const [i, text] of texts.entries()) {
    near(await traceStructure()(sample(text)), golden[i][0]);
    near(await confidence({ from: "length" })(sample(text)), golden[i][1]);
    for (const [k, [wc, wt, wf]] of settings.entries()) {
      const components: ComponentsOptions = {
        correctness: { weight: wc },
        trace: { weight: wt },
        confidence: { weight: wf, from: "length" },
      };
      const [{ total }] = await compositeReward({ components, floor: 0 }).score([sample(text)]);
      near(total, golden[i][2 + k]);
    }
  }
});

Deno.test("correctness() leaves R3's loopholes closed", async () => {
  const score = (answer: string, reference: string) =>
    correctness()(sample(`<answer>${answer}</answer>`, { problem: { ...problem, answer: reference } }));
  assert.equal(await score("", "8"), 0);
  assert.equal(await score("   ", "8"), 0);
  assert.equal(await score("e", "blue"), 0);
  assert.equal(await score("18 and 19", "1819"), 0);
  assert.equal(await score("-3", "3"), 0);
  assert.equal(await score("3", "-3"), 0);
  assert.equal(await score("1,819", "1819"), 1);
  assert.equal(
    await correctness()(sample("<answer>9</answer><answer>8</answer>")),
    0,
    "the first answer counts",
  );
  assert.equal(await correctness()(sample("8")), 0, "no answer tags");
  assert.ok(!answersMatch("", ""));
});

Deno.test("traceStructure() counts connectives as words and pieces over 10 characters, by phase", async () => {
  const text =
    "<reasoning>Something is sour tonight. Another thenceforth piece.</reasoning><answer>1</answer>";
  // no connective stands as a word: so ⊄ sour, then ⊄ thenceforth; two pieces
  near(await traceStructure()(sample(text, { phase: "easy" })), 0.4 + 0.35);
  near(await traceStructure()(sample(text, { phase: "medium" })), 0.4 + 0.35 * 2 / 3);
  near(await traceStructure()(sample(text, { phase: "hard" })), 0.4 + 0.35 * 2 / 4);
});

Deno.test("confidence() maps the answer's mean log-probability to q, and 1 − q when wrong", async () => {
  const tokens = ["<answer>", "8", "</answer>"], tokenLogprobs = [0, -1, 0];
  near(await confidence()(sample(tokens.join(""), { tokens, tokenLogprobs })), 9 / 9.9);
  const wrong = ["<answer>", "9", "</answer>"];
  near(await confidence()(sample(wrong.join(""), { tokens: wrong, tokenLogprobs })), 1 - 9 / 9.9);
  assert.equal(
    await confidence()(sample(tokens.join(""))),
    null,
    "without log-probabilities it cannot judge",
  );
});

Deno.test("verbosity() penalises reasoning past 150 tokens, or 600 characters", async () => {
  const words = Array.from({ length: 250 }, () => "ab "),
    tokens = ["<reasoning>", ...words, "</reasoning>", "<answer>", "8", "</answer>"];
  near(await verbosity()(sample(tokens.join(""), { tokens })), 0.05 * 100 / 50);
  near(await verbosity({ free: 50 })(sample(tokens.join(""), { tokens })), 0.05 * 200 / 50);
  near(
    await verbosity({ unit: "chars" })(sample(`<reasoning>${"x".repeat(800)}</reasoning><answer>8</answer>`)),
    0.05 * 200 / 200,
  );
  assert.equal(await verbosity({ unit: "chars" })(sample(texts[0])), 0);
});

Deno.test("formatCompliance() gives 1 only when nothing stands around", async () => {
  const score = (text: string) => formatCompliance()(sample(text));
  assert.equal(await score(texts[0]), 1);
  assert.equal(await score(`${texts[0]} and more`), 0.8);
  assert.equal(await score("<answer>8</answer><reasoning>5+3</reasoning>"), 0.8);
  assert.equal(await score("<answer>8</answer>"), 0.3);
  assert.equal(await score("<reasoning>5+3</reasoning>"), 0.2);
  assert.equal(await score("8"), 0);
});

Deno.test("compositeReward() anneals R3's weights, never falls below 0, and counts failures", async () => {
  const reward = compositeReward({ preset: "r3" });
  const weights = (step: number) => reward.weights(step, 200);
  near(weights(0).correctness, 0.4);
  near(weights(100).correctness, 0.5);
  near(weights(200).correctness, 0.6);
  near(weights(400).trace, 0.25);
  const long = `<reasoning>${"x".repeat(40000)}</reasoning>`;
  const floored = compositeReward({ preset: "r3", components: { verbosity: { weight: -1, unit: "chars" } } });
  assert.equal((await floored.score([sample(long)]))[0].total, 0);

  const failing = compositeReward({
    components: {
      correctness: { weight: 1 },
      throws: {
        weight: 1,
        reward: () => {
          throw new Error("broken");
        },
      },
      hangs: { weight: 1, reward: () => new Promise<number>(() => {}) },
      unsure: { weight: 1, reward: () => null },
      nan: { weight: 1, reward: () => NaN },
    },
    timeoutMs: 20,
  });
  const [{ total, components }] = await failing.score([sample(texts[0])]);
  assert.equal(total, 1, "what cannot judge is left out of the sum");
  assert.equal(components.throws.error, "broken");
  assert.match(components.hangs.error!, /timed out after 20 ms/);
  assert.equal(components.unsure.error, undefined);
  assert.match(components.nan.error!, /NaN/);
});
