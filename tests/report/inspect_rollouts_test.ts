import assert from "node:assert/strict";
import { parseHTML } from "linkedom";
import { displayedHtml } from "../../lib/display/displayable.ts";
import { inspectRollouts } from "../../lib/report/inspect_rollouts.ts";
import type { CompletionRecord, TrainingRun } from "../../lib/training/run.ts";
import { inventedGrpo, inventedSft } from "./invented.ts";

/** Two completions a step: one right, whose first token was unlikely and grew likelier, and one wrong. */
function run(steps: number): TrainingRun {
  const record = (step: number, right: boolean): CompletionRecord => ({
    stage: "grpo",
    step,
    problemId: `p${step}`,
    question: `What is ${step} + <1>?`,
    reference: String(step + 1),
    completion: right ? `${step + 1}!` : "<b>no\x1b[2J",
    reward: right ? 1 : 0.25,
    advantage: right ? 0.7 : -0.7,
    components: { correctness: right ? 1 : 0, trace: null },
    ...(right
      ? {
        tokens: {
          text: [String(step + 1), "!"],
          logprobs: [Math.log(0.25), 0],
          ratios: [1.2, 1],
          kl: [0.3, 0],
        },
      }
      : {}),
  });
  const all = Array.from({ length: steps }, (_, i) => [record(i + 1, true), record(i + 1, false)]).flat();
  return { ...inventedGrpo(steps), completions: all };
}

// deno-lint-ignore no-explicit-any
const page = (html: string) => (parseHTML(`<html><body>${html}</body></html>`) as any).document;

Deno.test("inspectRollouts() lays a group side by side with rewards, advantage and each token's probability, ratio and KL", async () => {
  const document = page(displayedHtml(await inspectRollouts(run(3), { step: 2 })));
  const open = document.querySelector("input[checked] + div");
  assert.match(open.textContent, /‹ step 1.*Step 2.*step 3 ›/);
  assert.match(open.textContent, /What is 2 \+ <1>\? reference 3/);
  assert.match(open.textContent, /reward 1advantage \+0\.7correctness 1trace –3!/);
  const token = open.querySelector("span[title]");
  assert.equal(token.getAttribute("title"), "p 0.25, ratio 1.2, KL 0.3");
  assert.match(
    token.getAttribute("style"),
    /background:rgba\(232,89,12,0\.34\).*border-bottom.*59,91,219.*border-top/,
  );
  assert.equal(document.querySelector("script, b > b"), null);
  assert.ok(open.textContent.includes("<b>no\\u{1b}[2J"));
});

Deno.test("inspectRollouts() turns to the steps before and after by labels, without scripts or a kernel", async () => {
  const document = page(displayedHtml(await inspectRollouts(run(50), { step: 20, around: 10 })));
  const inputs = [...document.querySelectorAll("input")];
  assert.ok(inputs.length >= 9 && inputs.length <= 11, `${inputs.length}`);
  const targets = new Set(inputs.map((input) => input.getAttribute("id")));
  const labels = [...document.querySelectorAll("label")];
  assert.equal(labels.length, 2 * (inputs.length - 1));
  assert.ok(labels.every((label) => targets.has(label.getAttribute("for"))));
  const steps = inputs.map((input) => Number(input.getAttribute("aria-label").slice(5)));
  for (const step of [1, 19, 20, 21, 50]) assert.ok(steps.includes(step), `${step} of ${steps}`);
});

Deno.test("inspectRollouts() prints the step in a terminal", async () => {
  const text = Deno.inspect(await inspectRollouts(run(3), { step: 2 }));
  assert.match(
    text,
    /^grpo, step 2: What is 2 \+ <1>\? \(reference 3\)\n +reward +advantage +correctness +trace/,
  );
  assert.match(text, /#1 +1 +\+0\.7 +1 +–/);
  assert.match(text, /#2 <b>no\\u\{1b\}\[2J/);
  assert.match(text, /least likely: "3" p 0\.25 ratio 1\.2/);
  assert.match(text, /steps beside it: 1, 3$/);
});

Deno.test("inspectRollouts() says what a run lacks", async () => {
  await assert.rejects(
    inspectRollouts({ ...inventedSft(2), completions: [] }),
    /run 'sft' must hold sampled completions/,
  );
  await assert.rejects(inspectRollouts(run(3), { step: 9 }), /3 steps from 1 to 3 do; the nearest is 3/);
});
