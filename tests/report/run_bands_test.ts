import assert from "node:assert/strict";
import { runBands } from "../../lib/report/run_bands.ts";
import type { TrainingRun } from "../../lib/training/run.ts";
import { inventedGrpo } from "./invented.ts";

/** A run of a few steps whose reward is given: fewer than ten points are drawn as they are. */
function short(rewards: (number | undefined)[], name = "grpo"): TrainingRun {
  const run = inventedGrpo(rewards.length, 1, name);
  return { ...run, steps: run.steps.map((step, i) => ({ ...step, reward: rewards[i] })) };
}

/** The runs have no evaluation, so that the reward's panel is the first. */
const rewardTraces = (figure: ReturnType<typeof runBands>) =>
  figure.toJSON().data.filter((trace) => trace.yaxis === "y") as {
    name?: string;
    x: number[];
    y: number[];
    fill?: string;
  }[];

Deno.test("runBands() draws the mean of a group's runs, and a band from the lowest to the highest", () => {
  const [low, high, mean, ...more] = rewardTraces(
    runBands({ GRPO: [short([1, 2, 3]), short([3, 2, 1]), short([2, 5, 5])] }),
  );
  assert.deepEqual([low.y, high.y, mean.y, mean.x], [[1, 2, 1], [3, 5, 5], [2, 3, 3], [1, 2, 3]]);
  assert.deepEqual([high.fill, mean.name, more.length], ["tonexty", "GRPO", 0]);
});

Deno.test("runBands() keeps to the steps that all runs of a group measured", () => {
  const traces = rewardTraces(
    runBands({ a: [short([1, 2, 3, 4]), short([1, undefined, 5])], b: [short([7, 8])] }),
  );
  assert.deepEqual(traces.map(({ x, y, name }) => [name, x, y]), [
    [undefined, [1, 3], [1, 3]],
    [undefined, [1, 3], [1, 5]],
    ["a", [1, 3], [1, 4]],
    ["b", [1, 2], [7, 8]],
  ]);
});

Deno.test("runBands() leaves out what no run measured, and compares SFT runs by their own quantities", () => {
  const titles = (figure: ReturnType<typeof runBands>) =>
    JSON.stringify((figure.toJSON().layout as { annotations: { text: string }[] }).annotations);
  const run = inventedGrpo(20), sft = { ...run, stage: "sft" as const };
  assert.match(titles(runBands({ a: [run] })), /KL to the reference/);
  const without = { ...run, steps: run.steps.map(({ kl: _, ...rest }) => rest) };
  assert.doesNotMatch(titles(runBands({ a: [without] })), /KL to the reference/);
  assert.match(titles(runBands({ a: [sft] })), /Training loss/);
  assert.doesNotMatch(titles(runBands({ a: [sft] })), /Reward/);
});

Deno.test("runBands() says which group is empty", () => {
  assert.throws(() => runBands({}), /there is none/);
  assert.throws(() => runBands({ GRPO: [inventedGrpo(3)], RLOO: [] }), /'RLOO' holds none/);
});

Deno.test("runBands() draws a line in each panel where a run of a group was forked, and says there what changed", () => {
  const changes = { learningRate: { from: 1e-3, to: 1e-4 } };
  const forked = {
    ...inventedGrpo(12),
    forkedFrom: [{ run: "grpo", step: 5, checkpoint: "c/step-5", changes }],
  };
  const { layout } = runBands({ before: [inventedGrpo(12)], after: [forked] }).toJSON() as unknown as {
    layout: {
      shapes: { x0: number; line: { dash?: string; color: string } }[];
      annotations: { text: string }[];
    };
  };
  const dashed = layout.shapes.filter(({ line }) => line?.dash === "dash");
  const panels = layout.annotations.filter(({ text }) => /^<b>/.test(text)).length;
  assert.ok(dashed.length > 3 && dashed.length >= panels - 1, `${dashed.length} lines, ${panels} panels`);
  assert.ok(dashed.every(({ x0 }) => x0 === 5));
  assert.equal(new Set(dashed.map(({ line }) => line.color)).size, 1);
  assert.equal(layout.annotations.filter(({ text }) => text === "learningRate 0.001 to 0.0001").length, 1);
});
