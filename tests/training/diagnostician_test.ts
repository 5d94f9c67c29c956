import assert from "node:assert/strict";
import { diagnostician } from "../../lib/training/diagnostician.ts";
import type { StepMetrics } from "../../lib/training/run.ts";

const at = (step: number, truncatedFraction: number): StepMetrics => ({
  step,
  loss: 0.1,
  learningRate: 1e-3,
  gradientNorm: 1,
  tokens: 100,
  truncatedFraction,
  tokensPerSecond: 100,
  seconds: { total: 1 },
});

/** Steps at which the rule speaks when `cut(step)` of the completions are truncated. */
function spoken(count: number, cut: (step: number) => number, resumedAfter = 0): number[] {
  const all = Array.from({ length: count }, (_, i) => at(i + 1, cut(i + 1)));
  const watch = diagnostician({ stage: "grpo" }, all.slice(0, resumedAfter));
  return all.slice(resumedAfter).flatMap((metrics) => watch.observe(metrics).map(({ step }) => step));
}

Deno.test("diagnostician() lets a rule speak once while its cause lasts", () => {
  assert.deepEqual(spoken(50, () => 0.9), [5]);
});

Deno.test("diagnostician() lets it speak again when the cause had gone and came back", () => {
  assert.deepEqual(spoken(60, (step) => step <= 10 || step > 40 ? 0.9 : 0), [5, 43]);
});

Deno.test("diagnostician() is not fooled by a rule that flickers", () => {
  assert.deepEqual(spoken(60, (step) => step % 7 < 4 ? 0.9 : 0.1), [5]);
});

Deno.test("diagnostician() does not repeat after a resume what was said before it", () => {
  assert.deepEqual(spoken(50, () => 0.9, 20), []);
  assert.deepEqual(spoken(50, (step) => step > 30 ? 0.9 : 0, 20), [33]);
});

Deno.test("diagnostician() looks at the completions of the step", () => {
  const watch = diagnostician({ stage: "grpo" }), loop = "seven and seven and seven and ".repeat(9);
  assert.deepEqual(watch.observe(at(1, 0), ["fine", "good", "short", "brief"]), []);
  assert.deepEqual(watch.observe(at(2, 0), Array(4).fill(loop)).map(({ rule }) => rule), ["repetition"]);
});
