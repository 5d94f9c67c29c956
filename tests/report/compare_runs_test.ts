import assert from "node:assert/strict";
import { join } from "node:path";
import { compareRuns, type JudgedRun } from "../../lib/report/compare_runs.ts";
import type { Evaluation, EvaluationItem } from "../../lib/stages/evaluation.ts";
import { wilson } from "../../lib/stages/statistics.ts";
import { exportRun } from "../../lib/report/export_run.ts";
import { inventedEvaluation, inventedGrpo, inventedSft } from "./invented.ts";

/** A run of 20 steps whose model got these problems right. */
function judged(right: boolean[], { seed = 1, prefix = "p" } = {}): JudgedRun {
  const items = right.map((correct, i) => ({
    problemId: `${prefix}${i}`,
    correct,
    wellFormed: true,
  })) as EvaluationItem[];
  const evaluation = {
    accuracy: wilson(right.filter(Boolean).length, right.length),
    formatRate: wilson(right.length, right.length),
    meanTokens: 40,
    items,
  } as Evaluation;
  return { run: inventedGrpo(20, seed), evaluation };
}

const share = (n: number, of = 10) => Array.from({ length: of }, (_, i) => i < n);

Deno.test("compareRuns() gives the mean over the runs with Student's interval, and each run", () => {
  const { groups: [grpo] } = compareRuns({ GRPO: [judged(share(9)), judged(share(8)), judged(share(7))] });
  assert.deepEqual(grpo.accuracies, [0.9, 0.8, 0.7]);
  // s = 0.1, so the half width is t · 0.1 / √3, with t = 4.3027 for two degrees of freedom
  assert.ok(Math.abs(grpo.accuracy.value - 0.8) < 1e-12);
  assert.ok(Math.abs(grpo.accuracy.high - 0.8 - 0.4302652729911275 / Math.sqrt(3)) < 1e-9);
  assert.equal(grpo.difference, null);
  assert.equal(grpo.tokens, 20 * 4000);
});

Deno.test("compareRuns() pairs problems, each its mean over the runs", () => {
  const { groups } = compareRuns({
    GRPO: [judged(share(4)), judged(share(2))],
    RLOO: [judged(share(8)), judged(share(8))],
  });
  // problems 0, 1: 1 → 1; 2, 3: 0.5 → 1; 4 to 7: 0 → 1; 8, 9: 0 → 0
  const { value, low, high } = groups[1].difference!;
  assert.equal(value, 0.5);
  assert.ok(low > 0.1 && low < 0.5 && high > 0.5 && high < 0.9, `${low} ${high}`);
});

Deno.test("compareRuns() shows a table; a single run has no interval and an absent KL a dash", () => {
  const one = judged(share(9));
  for (const step of one.run.steps) delete step.kl;
  const text = Deno.inspect(compareRuns({ GRPO: [one] }));
  assert.match(text, /Runs side by side, 1 run each/);
  assert.match(text, /GRPO +90\.0 % +90\.0 +–/);
  assert.match(text, / – /);
  assert.doesNotMatch(text, /NaN|undefined/);
});

Deno.test("compareRuns() says which group is empty and which share no problem", () => {
  assert.throws(() => compareRuns({}), /there is none/);
  assert.throws(() => compareRuns({ GRPO: [] }), /'GRPO' holds none/);
  assert.throws(
    () => compareRuns({ GRPO: [judged(share(3))], RLOO: [judged(share(3), { prefix: "q" })] }),
    /'GRPO' and 'RLOO' must have answered some of the same problems/,
  );
});

Deno.test("compareRuns() takes folders of exports, or one that holds them, and names what it leaves out", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const base = inventedEvaluation("base", 0.2, 0.1, 40);
    const after = { a: inventedEvaluation("grpo", 0.5, 1, 40), b: inventedEvaluation("grpo", 0.75, 1, 40) };
    const runs = [inventedSft(4), inventedGrpo(12)];
    for (const [name, grpo] of Object.entries(after)) {
      await exportRun(join(dir, name), { runs, evaluations: { base, grpo } });
    }
    await exportRun(join(dir, "unjudged"), { runs });
    const two = await compareRuns([join(dir, "b"), join(dir, "a")]);
    assert.deepEqual(two.groups.map(({ name }) => name), ["b", "a"]);
    assert.deepEqual(two.groups.map(({ accuracies }) => accuracies), [
      [after.b.accuracy.value],
      [after.a.accuracy.value],
    ]);
    const lost = after.b.accuracy.value - after.a.accuracy.value;
    assert.ok(lost > 0.1 && Math.abs(two.groups[1].difference!.value + lost) < 1e-12);
    assert.equal(two.groups[0].tokens, 12 * 4000);

    const all = await compareRuns(dir);
    assert.deepEqual(all.groups.map(({ name }) => name), ["a", "b"]);
    assert.deepEqual(all.leftOut!.map(({ name }) => name), ["unjudged"]);
    assert.match(Deno.inspect(all), /Left out: unjudged\. .* holds no evaluation/);

    await assert.rejects(compareRuns([join(dir, "unjudged")]), /must hold a run and an evaluation/);
    await assert.rejects(compareRuns(join(dir, "none")), /there is none/);
    await assert.rejects(compareRuns([join(dir, "a"), join(dir, "a")]), /named twice/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
