import assert from "node:assert/strict";
import { learningCurves } from "../../lib/report/learning_curves.ts";
import { inventedGrpo, inventedSft } from "./invented.ts";

type Loose = Record<string, never>;
const titles = (figure: { layout: Record<string, unknown> }) =>
  (figure.layout.annotations as { text: string }[]).map(({ text }) => /^<b>(.*)<\/b>$/.exec(text)?.[1])
    .filter(Boolean);

const grpoTitles = [
  "Reward",
  "Correctness",
  "Trace score",
  "Format rate",
  "KL to the reference",
  "Completion length",
  "Entropy",
  "GRPO loss",
  "Lost signal",
  "Component scores",
  "Reward weights",
  "Curriculum phase",
];
const sftTitles = ["SFT loss", "SFT token accuracy", "SFT entropy"];

Deno.test("learningCurves() has a panel for each quantity that some run measured", () => {
  assert.deepEqual(titles(learningCurves([inventedSft(20), inventedGrpo(20)])), [
    ...sftTitles,
    ...grpoTitles,
  ]);
  assert.deepEqual(titles(learningCurves([inventedSft(20)])), sftTitles);
  assert.deepEqual(titles(learningCurves([inventedGrpo(20)])), grpoTitles);
  const pretraining = { ...inventedSft(20), stage: "pretrain" as const, name: "pretrain" };
  assert.deepEqual(titles(learningCurves([pretraining]))[0], "Pre-training loss");
  const bare = inventedGrpo(5);
  bare.steps = bare.steps.map((
    { step, loss, learningRate, gradientNorm, tokens, tokensPerSecond, seconds, reward },
  ) => ({
    step,
    loss,
    learningRate,
    gradientNorm,
    tokens,
    tokensPerSecond,
    seconds,
    reward,
  }));
  assert.deepEqual(titles(learningCurves([bare])), ["Reward", "GRPO loss"]);
});

Deno.test("learningCurves() draws an algorithm of one's own under its name, beside GRPO where it measures a reward", () => {
  const own = { ...inventedGrpo(20), stage: "rejection sampling", name: "best of 8" };
  assert.ok(titles(learningCurves([own])).includes("Rejection sampling loss"));
  assert.deepEqual(titles(learningCurves([own])).length, grpoTitles.length);
  assert.ok(titles(learningCurves([own, inventedGrpo(20)])).includes("Policy loss"));
  const legend = JSON.stringify(learningCurves([own, inventedGrpo(20)]).layout);
  assert.match(legend, /best of 8[\s\S]*GRPO/);
  const onTexts = { ...inventedSft(20), stage: "distillation", name: "distillation" };
  assert.deepEqual(
    titles(learningCurves([onTexts, inventedSft(20)])),
    [...sftTitles, "Distillation loss", "Distillation token accuracy", "Distillation entropy"],
  );
});

Deno.test("learningCurves() draws what was measured, and its band is mean ± std", () => {
  const run = inventedGrpo(6), figure = learningCurves([run]);
  const reward = figure.data.filter((trace) => trace.xaxis === "x") as Loose[];
  const [low, high, mean] = reward.map((trace) => trace.y as number[]);
  const six = (value: number) => Number(value.toPrecision(6));
  assert.deepEqual(mean, run.steps.map((m) => six(m.reward!)));
  assert.deepEqual(low, run.steps.map((m) => six(m.reward! - m.rewardStd!)));
  assert.deepEqual(high, run.steps.map((m) => six(m.reward! + m.rewardStd!)));
  assert.equal(learningCurves([inventedSft(1)]).data[0].mode, "lines+markers");
});

Deno.test("learningCurves() shades the phases of a single GRPO run from one phase's first step to the next's", () => {
  const shapes = learningCurves([inventedGrpo(10)]).layout.shapes as {
    x0: number;
    x1: number;
    xref: string;
  }[];
  const first = shapes.filter(({ xref }) => xref === "x").map(({ x0, x1 }) => [x0, x1]);
  assert.deepEqual(first, [[1, 3], [3, 7], [7, 10]]);
  const two = learningCurves([inventedGrpo(10, 1, "a"), inventedGrpo(10, 2, "b")]);
  assert.deepEqual(two.layout.shapes, []);
});

Deno.test("learningCurves() names every run, numbers equal names, says how one ended and escapes what it prints", () => {
  const stopped = { ...inventedGrpo(3), ended: "interrupted" as const };
  const figure = learningCurves([stopped, inventedGrpo(4), inventedGrpo(4, 9, "<i>x")]);
  const subtitle = (figure.layout.title as { subtitle: { text: string } }).subtitle.text;
  assert.match(subtitle, /GRPO 1<\/b><\/span> 3 steps, 1\.0 s, interrupted/);
  assert.match(subtitle, /GRPO 2<\/b>.*&lt;i&gt;x<\/b>/);
});

Deno.test("learningCurves() renders runs of every length with their titles as text", async () => {
  for (const runs of [[inventedSft(1), inventedGrpo(1)], [inventedGrpo(12), inventedGrpo(7, 3, "rloo")]]) {
    const svg = await learningCurves(runs).svg();
    for (const title of ["Reward", "KL to the reference", "Curriculum phase"]) {
      assert.ok(svg.includes(title), title);
    }
    assert.doesNotMatch(svg, /NaN|undefined/);
  }
  assert.throws(() => learningCurves([]), RangeError);
});
