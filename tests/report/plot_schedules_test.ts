import assert from "node:assert/strict";
import { type ConfigOverrides, loadConfig } from "../../lib/config/load_config.ts";
import { plotSchedules } from "../../lib/report/plot_schedules.ts";

const demo = new URL("../../data/configs/demo.yaml", import.meta.url);
const load = (overrides: ConfigOverrides = {}) => loadConfig(demo, overrides);
type Trace = { name: string; x: number[]; y: number[]; base?: number[]; customdata?: number[] };
const trace = (figure: { data: Record<string, unknown>[] }, name: string) =>
  figure.data.find((one) => one.name === name) as unknown as Trace;
const titles = (figure: { layout: Record<string, unknown> }) =>
  (figure.layout.annotations as { text: string }[]).map(({ text }) => /^<b>(.*)<\/b>$/.exec(text)?.[1])
    .filter(Boolean);
const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) <= 1e-5 * Math.abs(expected) + 1e-12, `${actual} is not ${expected}`);

Deno.test("plotSchedules() draws each stage's learning rate over its own steps, warm-up and all", async () => {
  const figure = plotSchedules(await load({ sft: { steps: 100 }, grpo: { steps: 40 } }));
  const sft = trace(figure, "SFT learning rate"), grpo = trace(figure, "GRPO learning rate");
  assert.deepEqual([sft.x.length, sft.x[0], sft.x.at(-1)], [100, 1, 100]);
  // cosine to 0 from 2e-3 after 5 % of warm-up: step 1 is a fifth of the peak, step 5 the peak
  near(sft.y[0], 2e-3 / 5);
  near(sft.y[4], 2e-3);
  near(sft.y[52], 2e-3 * (1 + Math.cos(Math.PI * 47 / 95)) / 2);
  assert.equal(grpo.x.length, 40);
  near(grpo.y[0], 2.5e-4 / 5);
  near(grpo.y[39], 2.5e-4);
});

Deno.test("plotSchedules() draws reward weights as they anneal, a penalty by its size", async () => {
  const figure = plotSchedules(await load({ grpo: { steps: 80 } }));
  const correctness = trace(figure, "correctness"), verbosity = trace(figure, "verbosity");
  near(correctness.y[0], 0.4);
  near(correctness.y[40], 0.5);
  near(trace(figure, "trace").y[40], 0.35);
  assert.deepEqual([verbosity.y[7], verbosity.customdata![7]], [2, -2]);
});

Deno.test("plotSchedules() shades the curriculum's phases where GRPO will change them", async () => {
  const config = await load({ grpo: { steps: 200 } }), figure = plotSchedules(config);
  const shapes = figure.layout.shapes as { type: string; x0: number; x1: number; xref: string }[];
  const bands = (xref: string) =>
    shapes.filter((shape) => shape.xref === xref && shape.type === "rect").map(({ x0, x1 }) => [x0, x1]);
  // easy below 30 of 200 steps, medium below 80; in steps from 1
  for (const panel of ["x2", "x3", "x4"]) assert.deepEqual(bands(panel), [[1, 31], [31, 81], [81, 200]]);
  assert.deepEqual(bands("x"), [], "SFT has no curriculum");
  const drawn = figure.data.filter(({ type }) => type === "bar").map(({ name, base, x }) => [name, base, x]);
  assert.deepEqual(drawn, [
    ["easy: easy", [1], [30]],
    ["medium: easy", [31], [50]],
    ["medium: medium", [31], [50]],
    ["hard: easy", [81], [119]],
    ["hard: medium", [81], [119]],
    ["hard: hard", [81], [119]],
  ]);
});

Deno.test("plotSchedules() gives every hyperparameter that takes a schedule a panel, and lists the others", async () => {
  const still = plotSchedules(await load());
  assert.deepEqual(titles(still), [
    "SFT learning rate",
    "GRPO learning rate",
    "Reward weights",
    "Curriculum",
  ]);
  const subtitle = (still.layout.title as { subtitle: { text: string } }).subtitle.text;
  assert.match(subtitle, /SFT.* 150 steps .*GRPO.* 100 steps · constant: β 0\.01, ε 0\.2, temperature 1,/);
  const figure = plotSchedules(
    await load({
      sft: { weightDecay: { kind: "linear", from: 0.1, to: 0 } },
      grpo: {
        steps: 100,
        beta: { kind: "exponential", from: 0.1, to: 0.001 },
        temperature: { kind: "step", from: 1.2, to: 0.8, at: [0.25, 0.75] },
      },
    }),
  );
  assert.deepEqual(titles(figure), [
    "SFT learning rate",
    "SFT weight decay",
    "GRPO learning rate",
    "Reward weights",
    "Curriculum",
    "GRPO β",
    "GRPO temperature",
  ]);
  near(trace(figure, "β").y[50], 0.01);
  near(trace(figure, "temperature").y[24], 1.2);
  near(trace(figure, "temperature").y[25], 1.0);
  assert.doesNotMatch((figure.layout.title as { subtitle: { text: string } }).subtitle.text, /β|temperature/);
});

Deno.test("plotSchedules() leaves out a stage that will not run, and places no adaptive phase at a step", async () => {
  const adaptive = await load({
    curriculum: {
      kind: "adaptive",
      threshold: 0.8,
      phases: [{ name: "easy", difficulties: ["easy"] }, { name: "hard", difficulties: ["easy", "hard"] }],
    },
  });
  const figure = plotSchedules(adaptive, { stages: ["grpo"] });
  assert.deepEqual(titles(figure), ["GRPO learning rate", "Reward weights", "Curriculum"]);
  assert.deepEqual((figure.layout.shapes as { type: string }[]).filter(({ type }) => type === "rect"), []);
  const notes = (figure.layout.annotations as { text: string }[]).map(({ text }) => text);
  assert.ok(notes.includes("moves on at 80 % right over 20 steps, wherever that is"), notes.join("\n"));
  assert.throws(() => plotSchedules(adaptive, { stages: [] }), /stages = \[\] must not be empty/);
  assert.throws(
    () => plotSchedules(adaptive, { stages: ["grop"] } as never),
    /stages\[0\] = "grop" must be one of sft, grpo; did you mean `grpo`/,
  );
  assert.throws(() => plotSchedules(adaptive, { column: 2 } as never), /did you mean `columns`/);
  assert.throws(
    () => plotSchedules({ sft: adaptive.sft } as never),
    /lacks grpo, reward, curriculum.*loadConfig/,
  );
});

Deno.test("plotSchedules() says when a run ends within its warm-up, and renders one step", async () => {
  const figure = plotSchedules(
    await load({
      sft: { steps: 1, learningRate: { kind: "linear", peak: 1e-3, warmupSteps: 10 } },
      grpo: { steps: 1 },
    }),
  );
  const svg = await figure.svg();
  assert.match(svg, /the run ends within its 10 steps of warm-up to 0\.001/);
  assert.doesNotMatch(svg, /NaN|undefined/);
});
