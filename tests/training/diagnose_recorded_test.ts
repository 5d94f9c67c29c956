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

/** SmolLM2-135M under LoRA, whose sampled answers got better while its greedy accuracy stayed at 44.2 %; losses were not recorded. */
async function sharpened(): Promise<StepMetrics[]> {
  const text = await Deno.readTextFile(new URL("sharpened.tsv", folder));
  const [header, ...rows] = text.trim().split("\n").filter((line) => !line.startsWith("#")).map((line) =>
    line.split("\t")
  );
  return rows.map((row) => {
    const at = (name: string) => Number(row[header.indexOf(name)]);
    return {
      step: at("step"),
      loss: 0.1,
      learningRate: 5e-5,
      gradientNorm: 1,
      tokens: 48 * at("completionLengthMean"),
      tokensPerSecond: 48 * at("completionLengthMean") / at("seconds"),
      seconds: { total: at("seconds") },
      reward: at("reward"),
      entropy: at("entropy"),
      formatRate: at("formatRate"),
      zeroVarianceFraction: at("zeroVarianceFraction"),
      completionLength: {
        mean: at("completionLengthMean"),
        min: 20,
        max: 90,
        terminatedMean: at("completionLengthMean"),
      },
      components: { correctness: { mean: at("correctness"), std: 0.4, weight: 0.5, failures: 0 } },
    };
  });
}

Deno.test("the diagnosis sees a real run sharpen without learning by half of it, and not where greedy accuracy rises", async () => {
  const steps = await sharpened(), context = { stage: "grpo", steps: 40, maxTokens: 96, beta: 0 } as const;
  const said = (steps: StepMetrics[]) => {
    const watch = diagnostician(context);
    return steps.flatMap((metrics) => watch.observe(metrics));
  };
  const found = said(steps);
  assert.deepEqual([...new Set(found.map(({ rule }) => rule))], ["sharpening"]);
  assert.ok(found[0].step >= 12 && found[0].step <= 20, `${found[0].step}`);
  assert.match(
    found[0].message,
    /^The entropy fell from 0\.478 to 0\.2\d* nats a token, and groups without signal rose from 3 % to \d+ % while \d+ %/,
  );
  assert.match(
    found[0].message,
    /judge held-out problems greedily.*entropyTarget or entropyCoef, beta above 0/,
  );

  const judgedAs = (first: number, last: number) =>
    said(steps.map((metrics) => {
      if (metrics.step % 8) return metrics;
      return { ...metrics, evaluation: { accuracy: first + (last - first) * (metrics.step - 8) / 32 } };
    }));
  assert.match(
    judgedAs(0.442, 0.442).at(-1)!.message,
    /Accuracy on held-out problems went from 44 % to 44 %/,
  );
  assert.deepEqual(judgedAs(0.4, 0.8), []);
});
