import assert from "node:assert/strict";
import { compositeReward } from "../../lib/rewards/composite.ts";
import { explained } from "../../lib/rewards/explained.ts";
import { inspectReward } from "../../lib/lab/inspect_reward.ts";
import type { Reward } from "../../lib/rewards/reward.ts";
import { mediaBundle } from "../display/media_bundle.ts";

const problem = { question: "5 + 3?", answer: "8" };
const completion = "<reasoning>Step 1: 5+3=8. Step 2: Verify. Therefore 8.</reasoning><answer>8</answer>";
const reward = compositeReward({
  preset: "r3",
  components: { confidence: { weight: 0.15, from: "length" } },
});

Deno.test("inspectReward() takes a reward apart: score, weight, contribution, words", async () => {
  const inspection = await inspectReward(reward, { completion, problem });
  const four = (value: number | null) => value === null ? null : Number(value.toFixed(4));
  assert.deepEqual(
    inspection.components.map((
      { name, score, weight, contribution },
    ) => [name, four(score), weight, four(contribution)]),
    [
      ["correctness", 1, 0.4, 0.4],
      ["trace", 1, 0.45, 0.45],
      ["confidence", 0.6433, 0.15, 0.0965],
      ["verbosity", null, -1, 0], // no tokens to count
    ],
  );
  assert.equal(four(inspection.total), 0.9465);
  const words = (name: string) =>
    inspection.components.find((one) => one.name === name)!.spans.map(({ start, end, why }) => [
      completion.slice(start, end),
      why,
    ]);
  assert.deepEqual(words("correctness"), [["8", "matches the reference 8"]]);
  assert.deepEqual(words("trace").filter(([, why]) => /connective/.test(why)).map(([word]) => word), [
    "Step",
    "Therefore",
  ]);
});

Deno.test("inspectReward() takes the weights of the step that it is told", async () => {
  const at = async (step: number) =>
    (await inspectReward(reward, { completion, problem, step, steps: 200 })).components.map(({ weight }) =>
      Number(weight.toFixed(9))
    );
  assert.deepEqual(await at(0), [0.4, 0.45, 0.15, -1]);
  assert.deepEqual(await at(100), [0.5, 0.35, 0.15, -1]);
});

Deno.test("inspectReward() prints a table, then the words of each component", async () => {
  const text =
    (await mediaBundle(await inspectReward(reward, { completion, problem })))["text/plain"] as string;
  assert.match(text, /^Reward 0\.9465 at step 0 of 1, phase medium\n/);
  assert.match(text, /\ncorrectness +1\.0000 +0\.4000 +0\.4000\n/);
  assert.match(text, /\nverbosity +– +-1\.0000 +0\.0000\n/);
  assert.match(text, /\ntrace\n {2}both reasoning tags, \+0\.2: "<reasoning>", "<\/reasoning>"\n/);
  assert.match(text, /\n {2}a connective, \+0\.125 up to 0\.25: "Step", "Therefore"\n/);
  assert.match(text, /\nverbosity: cannot judge this completion, so it is left out of the sum$/);
});

Deno.test("inspectReward() says when the floor lifts the sum, and when a component fails", async () => {
  const floored = compositeReward({
    components: {
      bad: {
        weight: 1,
        reward: () => {
          throw new Error("no <b>luck</b>");
        },
      },
      minus: { weight: -2, reward: () => 1 },
    },
    floor: 0,
  });
  const inspection = await inspectReward(floored, { completion, problem });
  assert.deepEqual([inspection.sum, inspection.total], [-2, 0]);
  const bundle = await mediaBundle(inspection);
  assert.match(bundle["text/plain"], /The components sum to -2\.0000; the reward's floor makes it 0\.0000\./);
  assert.match(bundle["text/plain"], /bad: failed: no <b>luck<\/b>/);
  assert.match(bundle["text/html"], /failed: no &lt;b&gt;luck&lt;\/b&gt;/);
});

Deno.test("inspectReward() shows a hostile completion and takes no harm from it", async () => {
  const hostile =
    '<reasoning>First, "><script>alert(1)</script> so \u001b[31m\u202e it is <img src=x onerror=alert(1)>.' +
    "</reasoning><answer><b>8</b></answer>";
  const shouting = compositeReward({
    components: {
      trace: { weight: 1 },
      correctness: { weight: 1 },
      "<i>mine</i>": {
        weight: 1,
        reward: explained(
          () => 1,
          () => [{ start: 0, end: 5, why: '<u onclick="x">' }, { start: -4, end: 9999, why: "out" }],
        ),
      },
    },
  });
  const inspection = await inspectReward(shouting, {
    completion: hostile,
    problem: { question: "<script>1</script>", answer: "<script>2</script>" },
  });
  assert.equal(inspection.completion, hostile, "the data is what it was");
  const { "text/html": html, "text/plain": text } = await mediaBundle(inspection);
  const tags = new Set([...html.matchAll(/<\/?([a-z]+)/g)].map(([, name]) => name));
  assert.deepEqual([...tags].sort(), ["b", "div", "mark", "span", "table", "tbody", "td", "tr"]);
  assert.ok(html.includes("&lt;script&gt;alert(1)&lt;/script&gt;"));
  assert.ok(html.includes('title="&lt;u onclick=&quot;x&quot;&gt;"'));
  assert.doesNotMatch(html, /<[^>]*onclick="/);
  // deno-lint-ignore no-control-regex -- escape sequences are what must not be there
  assert.doesNotMatch(text, /[\u001b\u202e]/);
  assert.match(text, /\\u\{1b\}\[31m\\u\{202e\}/);
  assert.equal(inspection.components[2].spans.length, 1, "a span outside the completion is left out");
});

Deno.test("inspectReward() cuts what it shows of a very long completion, and nothing else", async () => {
  const long = `<reasoning>${"word word. ".repeat(100_000)}</reasoning><answer>8</answer>`;
  const inspection = await inspectReward(reward, { completion: long, problem });
  const bundle = await mediaBundle(inspection);
  assert.match(bundle["text/html"], /1,098,041 characters more/);
  assert.ok(bundle["text/html"].length < 60_000 && bundle["text/plain"].length < 5_000);
  assert.equal(inspection.completion.length, 1_100_041);
});

Deno.test("inspectReward() works with a reward that cannot explain, and refuses what is no text", async () => {
  const silent: Reward = {
    names: ["length"],
    weights: () => ({ length: 2 }),
    score: (samples) =>
      Promise.resolve(samples.map(() => ({ total: 1, components: { length: { score: 0.5, weight: 2 } } }))),
    toJSON: () => null,
  };
  const { components } = await inspectReward(silent, { completion, problem });
  assert.deepEqual(components, [{ name: "length", score: 0.5, weight: 2, contribution: 1, spans: [] }]);
  await assert.rejects(
    inspectReward(silent, { completion: 8, problem } as never),
    /completion must be a text, got number/,
  );
  await assert.rejects(inspectReward(silent, { completion, problem: { question: "?" } } as never), {
    name: "TypeError",
    message: /problem\.answer must be a text, got undefined/,
  });
});

Deno.test("inspectReward() reads a completion by the format that it is given", async () => {
  const reward = compositeReward({
    components: { correctness: { weight: 1 }, missingTags: { weight: -0.5 } },
  });
  const problem = { question: "5 + 3?", answer: "8" };
  const cases = [
    ["boxed", "5 + 3 = 8, so \\boxed{8}"],
    [{ kind: "tags", reasoning: "think" } as const, "<think>5 + 3 = 8</think><answer>8</answer>"],
    ["graph", '{"nodes": [{"id": "final_result", "op": "const", "val": 8}]}'],
  ] as const;
  for (const [format, completion] of cases) {
    const { components, total } = await inspectReward(reward, { completion, problem, format });
    assert.equal(total, 1, completion);
    const [{ start, end }] = components[0].spans;
    assert.ok(completion.slice(start, end).includes("8"));
  }
  const plain = await inspectReward(reward, { completion: cases[0][1], problem });
  assert.equal(plain.total, -0.5);
});
