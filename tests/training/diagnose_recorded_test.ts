/** What the diagnosis says, step by step, of runs that were recorded: `tests/fixtures/record_runs.ts` makes them. */
import assert from "node:assert/strict";
import type { DiagnosisContext } from "../../lib/training/diagnose.ts";
import { diagnostician } from "../../lib/training/diagnostician.ts";
import type { StepMetrics } from "../../lib/training/run.ts";

interface Recorded {
  context: DiagnosisContext;
  steps: StepMetrics[];
  completions: string[][];
}

const folder = new URL("../fixtures/recorded_runs/", import.meta.url);
const recorded = async (name: string) =>
  JSON.parse(await Deno.readTextFile(new URL(`${name}.json`, folder))) as Recorded;

/** The rules that spoke, with the step at which each first did. */
async function said(name: string): Promise<Record<string, number>> {
  const { context, steps, completions } = await recorded(name), watch = diagnostician(context);
  const first: Record<string, number> = {};
  steps.forEach((metrics, i) => {
    for (const { rule, step } of watch.observe(metrics, completions[i])) first[rule] ??= step;
  });
  return first;
}

interface Expected {
  /** Rules that must speak, and the steps between which they first do. */
  must: Record<string, [from: number, to: number]>;
  /** Rules that may. Any other must not. */
  may?: string[];
}

const normal = ["loss near zero"];
const expected: Record<string, Expected> = {
  // 11 % right at first, 90 % later; its entropy falls to 0.02 while it learns
  healthy: { must: { "loss near zero": [1, 1] } },
  no_signal: { must: { "no signal": [5, 5] } },
  truncated: { must: { truncated: [5, 5] }, may: normal },
  // paid for brevity: from 35 tokens to 4
  length_collapse: { must: { "length collapse": [10, 14] }, may: [...normal, "no signal"] },
  // paid for saying words again
  repetition: { must: { repetition: [6, 14] }, may: [...normal, "truncated"] },
  // a learning rate twenty times too high
  kl_explosion: { must: { "kl explosion": [5, 8] }, may: [...normal, "no signal", "truncated"] },
  // paid for brevity once it could do the task: the reward rises while right answers vanish
  reward_hacking: {
    must: { "reward hacking": [10, 20], "length collapse": [18, 30], "kl explosion": [15, 25] },
    may: [...normal, "no signal"],
  },
};

for (const [name, { must, may = [] }] of Object.entries(expected)) {
  const rules = Object.keys(must);
  Deno.test(`the diagnosis of the recorded run "${name}" says ${rules.join(", ")} in time, and nothing beside the point`, async () => {
    const first = await said(name);
    for (const [rule, [from, to]] of Object.entries(must)) {
      assert.ok(first[rule] >= from && first[rule] <= to, `${rule}: ${JSON.stringify(first)}`);
    }
    const others = Object.keys(first).filter((rule) => !rules.includes(rule) && !may.includes(rule));
    assert.deepEqual(others, [], JSON.stringify(first));
  });
}

Deno.test("the diagnosis calls reward hacking while some answers are still right", async () => {
  const { "reward hacking": step } = await said("reward_hacking"),
    { steps } = await recorded("reward_hacking");
  assert.ok(steps[step - 1].components!.correctness.mean > 0.2);
  assert.equal(steps.at(-1)!.components!.correctness.mean, 0);
});
