import assert from "node:assert/strict";
import { join } from "node:path";
import { configDifferences } from "../../lib/report/config_differences.ts";
import { exportRun } from "../../lib/report/export_run.ts";
import { listRuns } from "../../lib/report/list_runs.ts";
import { runsPage } from "../../lib/report/runs_page.ts";
import { inventedEvaluation, inventedGrpo, inventedSft } from "./invented.ts";

async function folderOfRuns(): Promise<string> {
  const dir = await Deno.makeTempDir(), evaluations = { grpo: inventedEvaluation("grpo", 0.6, 0.98, 40) };
  const config = (beta: number) => ({
    name: "demo",
    model: { path: "models/tiny" },
    grpo: { beta, steps: 12 },
  });
  await exportRun(join(dir, "a"), {
    config: config(0),
    runs: [inventedSft(4), inventedGrpo(12)],
    evaluations,
  });
  const stopped = { ...inventedGrpo(7), ended: "interrupted" as const };
  await exportRun(join(dir, "sweep", "b"), { config: config(0.1), runs: [stopped], evaluations: {} });
  await Deno.mkdir(join(dir, "torn"));
  await Deno.writeTextFile(join(dir, "torn", "final_results.json"), "{");
  return dir;
}

Deno.test("listRuns() shows what each export did, how well, how long and how it ended; a torn one is named", async () => {
  const dir = await folderOfRuns(), list = await listRuns(dir), text = Deno.inspect(list);
  assert.equal(list.runs.length, 3);
  const a = list.runs.find((run) => run.dir === join(dir, "a"))!;
  assert.deepEqual([a.title, a.stages, a.ended], ["demo: tiny", "SFT 4 + GRPO 12", "finished"]);
  assert.equal(a.accuracy!.total, 40);
  assert.match(
    text,
    /sweep\/b-interrupted +\d{4}-\d\d-\d\d \d\d:\d\d +demo: tiny +GRPO 7 +– +– .* interrupted/,
  );
  assert.match(text, /torn .* unreadable: /);
  await assert.rejects(listRuns(join(dir, "none")), /must be a folder of exports.*but there is none/);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("runsPage() lays curves over one another and shows the settings that differ, with nothing to load", async () => {
  const dir = await folderOfRuns(),
    html = await Deno.readTextFile(await runsPage(dir, join(dir, "runs.html")));
  assert.match(html, /GRPO, run by run/);
  assert.match(html, /SFT, run by run/);
  assert.match(html, /grpo\.beta<\/td>.*>0<\/td>.*>0\.1<\/td>|grpo\.beta<\/td>.*>0\.1<\/td>.*>0<\/td>/);
  assert.doesNotMatch(html, /grpo\.steps|<script|<link|src=/);
  const empty = join(dir, "empty");
  await Deno.mkdir(empty);
  await assert.rejects(runsPage(empty, join(dir, "x.html")), /at least one export/);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("configDifferences() names each setting that is not the same in all, absent ones too", () => {
  assert.deepEqual(
    configDifferences([{ a: 1, b: { c: [1, 2] } }, { a: 1, b: { c: [1, 3] }, d: null }, { a: 1, b: {} }]),
    [
      { path: "b.c.0", values: ["1", "1", null] },
      { path: "b.c.1", values: ["2", "3", null] },
      { path: "d", values: [null, "null", null] },
      { path: "b", values: [null, null, "{}"] },
    ],
  );
  assert.deepEqual(configDifferences([{ a: 1 }, { a: 1 }]), []);
});
