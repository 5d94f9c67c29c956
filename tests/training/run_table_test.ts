import assert from "node:assert/strict";
import { runTable } from "../../lib/training/run_table.ts";
import { mediaBundle } from "../display/media_bundle.ts";
import { inventedGrpo, inventedSft } from "../report/invented.ts";

Deno.test("runTable() shows the mean of the first and the last tenth of every metric that was measured", async () => {
  const run = inventedSft(20);
  run.steps.forEach((metrics, i) => metrics.loss = 20 - i); // 20 … 1
  const text = Deno.inspect(runTable(run));
  const row = (name: string) => text.split("\n").find((line) => line.startsWith(name))?.trim().split(/ {3,}/);
  assert.deepEqual(row("loss"), ["loss", "19.5", "1.5", "1", "20"]);
  assert.equal(row("reward"), undefined);
  assert.match(text, /^sft: 20 steps in 5\.0 s, finished/);
  const html = (await mediaBundle(run))["text/html"];
  assert.ok(html.includes("<svg") && html.includes("token accuracy"));
});

Deno.test("runTable() shows how a run ended, its diagnoses and runs of one step", () => {
  const run = {
    ...inventedGrpo(1),
    ended: "interrupted" as const,
    reason: "stop was pressed",
    checkpoint: "results/x",
  };
  run.diagnoses = [{ step: 1, rule: "r", message: "no signal" }];
  const text = Deno.inspect(runTable(run));
  assert.match(text, /^grpo: 1 step in 0\.3 s, interrupted \(stop was pressed\), checkpoint in results\/x/);
  assert.match(text, /Step 1: no signal/);
  assert.match(Deno.inspect(runTable({ ...run, steps: [] })), /0 steps/);
});
