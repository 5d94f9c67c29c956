import assert from "node:assert/strict";
import { formatMeasure, inLine, type Measure, measures, measuresIn } from "../../lib/training/measures.ts";
import { learningCurves } from "../../lib/report/learning_curves.ts";
import { runBands } from "../../lib/report/run_bands.ts";
import { runTable } from "../../lib/training/run_table.ts";
import { inventedGrpo } from "../report/invented.ts";

const run = inventedGrpo(20);

Deno.test("measures name what panel, table, curves and bands show, each quantity once", () => {
  const text = Deno.inspect(runTable(structuredClone(run)));
  const curves = JSON.stringify([learningCurves([run]).layout, runBands({ a: [run] }).layout]);
  for (const [name, measure] of measuresIn("table")) {
    if (run.steps.every((step) => measure.read(step) === undefined)) continue;
    assert.match(text, new RegExp(`^${inLine(measure.label)} +`, "m"), name);
  }
  for (const name of ["reward", "correctness", "trace", "kl", "entropy", "completionLength"] as const) {
    const measure: Measure = measures[name];
    assert.ok(curves.includes(`<b>${measure.title ?? measure.label}</b>`), name);
  }
  const labels = Object.values(measures).map(({ label }) => label);
  assert.equal(new Set(labels).size, labels.length);
});

Deno.test("formatMeasure() and inLine() write a measurement and its name inside a sentence", () => {
  assert.equal(formatMeasure(measures.correctness, 0.5), "50.0 %");
  assert.equal(formatMeasure(measures.kl, 0.01234), "0.0123");
  assert.equal(inLine(measures.kl.label), "KL");
  assert.equal(inLine(measures.formatRate.label), "format rate");
});
