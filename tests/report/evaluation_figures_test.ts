import assert from "node:assert/strict";
import {
  accuracyFigure,
  calibrationFigure,
  failureFigure,
  passAtKFigure,
} from "../../lib/report/evaluation_figures.ts";
import { passAtK } from "../../lib/stages/statistics.ts";
import { inventedEvaluation } from "./invented.ts";

const pair = () => ({
  base: inventedEvaluation("base", 0.2, 0.1, 90),
  sft: inventedEvaluation("sft", 0.5, 0.98, 90),
});

Deno.test("accuracyFigure() draws each rate with its own interval", () => {
  const evaluations = pair(), { data } = accuracyFigure(evaluations);
  const sft = data[1] as { y: number[]; error_y: { array: number[]; arrayminus: number[] } },
    rate = evaluations.sft.accuracy;
  assert.deepEqual(sft.y, [rate.value]);
  assert.ok(Math.abs(sft.y[0] + sft.error_y.array[0] - rate.high) < 1e-12);
  assert.ok(Math.abs(sft.y[0] - sft.error_y.arrayminus[0] - rate.low) < 1e-12);
  assert.deepEqual(
    (data[3] as { y: number[] }).y,
    (["easy", "medium", "hard"] as const).map((d) => evaluations.sft.byDifficulty[d].value),
  );
});

Deno.test("figures of evaluations give no two stages one colour, whatever their names and order", () => {
  const one = inventedEvaluation("one", 0.2, 0.1, 30);
  const names = ["base", "sft", "rloo", "rloo, form paid", "afterGrpo"];
  const { data } = accuracyFigure(Object.fromEntries(names.map((name) => [name, one])));
  const colours = (data as unknown as { marker: { color: string } }[]).slice(0, 5).map(({ marker }) =>
    marker.color
  );
  assert.equal(new Set(colours).size, 5, `${colours}`);
});

Deno.test("passAtKFigure() averages pass@k over problems", () => {
  const many = pair();
  many.sft.items.forEach((item, i) => item.problemId = `p${i % 9}`); // nine problems, ten samples each
  const [trace] = passAtKFigure(many).data as { x: number[]; y: number[] }[];
  const right = Array.from(
    { length: 9 },
    (_, p) => many.sft.items.filter((item, i) => i % 9 === p && item.correct).length,
  );
  assert.deepEqual(trace.x, [1, 2, 4, 8, 10]);
  trace.x.forEach((k, i) => {
    const mean = right.reduce((sum, c) => sum + passAtK(10, c, k), 0) / 9;
    assert.ok(Math.abs(trace.y[i] - mean) < 1e-12);
  });
  assert.throws(() => passAtKFigure(pair()), { name: "RangeError", message: /samples above 1/ });
});

Deno.test("failureFigure() and calibrationFigure() show counts and curves of every stage that has some", async () => {
  const evaluations = pair(), failures = failureFigure(evaluations).data as { text: string[]; y: number[] }[];
  const malformed = evaluations.base.failures.malformed;
  assert.ok(failures[0].text.includes(String(malformed)) && failures[0].y.includes(malformed / 90));
  const svg = await calibrationFigure(evaluations).svg();
  assert.ok(svg.includes("Calibration") && svg.includes("ECE"));
  for (const item of evaluations.base.items) item.answerProbability = null;
  assert.equal(calibrationFigure(evaluations).data.length, 2);
});
