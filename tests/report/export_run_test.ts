import assert from "node:assert/strict";
import { join, relative, resolve } from "node:path";
import { parse } from "@std/yaml";
import { exportRun, type RunContents } from "../../lib/report/export_run.ts";
import { runCard } from "../../lib/report/run_card.ts";
import { loadRun, ResultsError } from "../../lib/report/load_run.ts";
import { OutputError } from "../../lib/report/write_output.ts";
import { inventedEvaluation, inventedGrpo, inventedSft } from "./invented.ts";

const contents = (): RunContents => ({
  config: { version: 1, seed: 3, grpo: { steps: 12, beta: { kind: "linear", from: 0, to: 0.1 } } },
  runs: [inventedSft(4), inventedGrpo(12)],
  evaluations: {
    base: inventedEvaluation("base", 0.2, 0.1, 40),
    grpo: inventedEvaluation("grpo", 0.6, 0.98, 40),
  },
  backend: "cpu, invented",
});
const names = (dir: string) => [...Deno.readDirSync(dir)].map((entry) => entry.name).sort();

Deno.test("exportRun() and loadRun() give back the runs and evaluations that went in", async () => {
  const dir = await Deno.makeTempDir(), target = join(dir, "demo"), given = contents();
  const written = await exportRun(target, given), read = await loadRun(target);
  assert.deepEqual(read.runs, given.runs);
  assert.deepEqual(read.evaluations, given.evaluations);
  assert.deepEqual(read.config, given.config);
  assert.deepEqual(parse(await Deno.readTextFile(join(target, "config.yaml"))), given.config);
  assert.equal(read.results.environment.deno, Deno.version.deno);
  assert.equal(read.results.environment.backend, "cpu, invented");
  assert.equal(read.results.comparison!.differences[0].problems, 40);
  assert.deepEqual(names(dir), ["demo"]);
  assert.match(Deno.inspect(written), /^Wrote \d+ files to .*demo[\s\S]*GRPO [\d.]+ % right/);
  for (const file of written.files) assert.ok((await Deno.stat(join(target, file))).size > 0, file);
  for (const extension of ["png", "svg", "html"]) {
    assert.ok(written.files.includes(`plots/learning_curves.${extension}`));
  }
  assert.equal((await Deno.readTextFile(join(target, "metrics.jsonl"))).trim().split("\n").length, 16);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("exportRun() and loadRun() keep a step whose loss was not finite and a run that made no step", async () => {
  const dir = await Deno.makeTempDir(), target = join(dir, "r");
  const failed = { ...inventedSft(2), ended: "failed" as const, reason: "loss was NaN twice" };
  failed.steps[1] = { ...failed.steps[1], loss: NaN, gradientNorm: Infinity };
  const runs = [failed, { ...inventedGrpo(3), steps: [], completions: [], ended: "interrupted" as const }];
  await exportRun(target, { config: {}, runs, evaluations: {} });
  assert.deepEqual((await loadRun(target)).runs, runs);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("exportRun() writes a config.yaml whose paths are true from the results folder", async () => {
  const dir = await Deno.makeTempDir(),
    target = join(dir, "results", "demo"),
    model = join(dir, "models", "tiny");
  const config = { model: { path: relative(Deno.cwd(), model) } };
  await exportRun(target, { config, runs: [inventedSft(2)], evaluations: {} });
  const { path } = parse(await Deno.readTextFile(join(target, "config.yaml"))).model;
  assert.equal(resolve(target, path), model);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("exportRun() writes a report with escaped completions, inline figures and nothing to load", async () => {
  const dir = await Deno.makeTempDir(), given = contents();
  given.evaluations.base.items[0].completion = `<script>alert("x")</script><reasoning>a</reasoning>`;
  given.evaluations.base.items[0].question = "<img src=x onerror=alert(1)>";
  await exportRun(join(dir, "r"), given);
  const html = await Deno.readTextFile(join(dir, "r", "report.html"));
  assert.ok(html.includes("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;"));
  assert.ok(html.includes("&lt;img src=x"));
  assert.doesNotMatch(html, /<script|<img|<link|@import|src=["']http/);
  assert.ok(
    html.includes("Learning curves") && html.includes("Failure analysis") &&
      html.includes("calculation error"),
  );
  const { accuracy } = given.evaluations.grpo;
  assert.ok(html.includes(`${accuracy.count} of ${accuracy.total}`));
  await Deno.remove(dir, { recursive: true });
});

Deno.test("exportRun() keeps the earlier export beside the new one and what others put in the folder", async () => {
  const dir = await Deno.makeTempDir(), target = join(dir, "demo");
  await exportRun(target, { ...contents(), config: { run: 1 } });
  await Deno.mkdir(join(target, "checkpoints"));
  await Deno.writeTextFile(join(target, "checkpoints", "step"), "12");
  await exportRun(target, { ...contents(), config: { run: 2 } });
  await exportRun(target, { ...contents(), config: { run: 3 } });
  assert.deepEqual((await loadRun(target)).config, { run: 3 });
  assert.deepEqual((await loadRun(`${target}.previous`)).config, { run: 2 });
  assert.equal(await Deno.readTextFile(join(target, "checkpoints", "step")), "12");
  assert.deepEqual(names(dir), ["demo", "demo.previous"]);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("exportRun() leaves the earlier result untouched when a part cannot be made", async () => {
  const dir = await Deno.makeTempDir(), target = join(dir, "demo");
  await exportRun(target, { ...contents(), config: { run: 1 } });
  const before = await Deno.readTextFile(join(target, "final_results.json"));
  const model = {
    lora: {},
    save: () => Promise.resolve(),
    saveAdapter: () => Promise.reject(new Error("adapter lost")),
  };
  await assert.rejects(exportRun(target, { ...contents(), model }), /adapter lost/);
  assert.equal(await Deno.readTextFile(join(target, "final_results.json")), before);
  assert.deepEqual(names(dir), ["demo"]);
  const blocked = join(dir, "file");
  await Deno.writeTextFile(blocked, "");
  await assert.rejects(exportRun(join(blocked, "demo"), contents()), (error: Error) => {
    assert.ok(error instanceof OutputError && error.message.includes(`'${blocked}'`), error.message);
    assert.doesNotMatch(error.message, /\.tmp/);
    return true;
  });
  await Deno.remove(dir, { recursive: true });
});

Deno.test("exportRun() writes the adapter when the model has one, else the model", async () => {
  const dir = await Deno.makeTempDir();
  const cards: unknown[] = [];
  const write = (name: string) => async (folder: string, options?: { card?: unknown }) => {
    cards.push(options?.card);
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(join(folder, name), name);
  };
  const model = (lora: unknown) => ({
    lora,
    save: write("model.safetensors"),
    saveAdapter: write("adapter_model.safetensors"),
  });
  const small = { config: {}, runs: [inventedSft(2)], evaluations: {} };
  const adapted = await exportRun(join(dir, "a"), { ...small, model: model({ rank: 4 }) });
  assert.ok(
    adapted.files.includes("adapter/adapter_model.safetensors") &&
      !adapted.files.some((file) => file.startsWith("model/")),
  );
  assert.deepEqual(cards, [runCard(small)]);
  const full = await exportRun(join(dir, "b"), { ...small, model: model(undefined) });
  assert.ok(full.files.includes("model/model.safetensors"));
  assert.equal(full.results.comparison, null);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("loadRun() names the file, and the line, that is not as it must be", async () => {
  const dir = await Deno.makeTempDir(), target = join(dir, "demo");
  await assert.rejects(loadRun(target), { name: "ResultsError", message: /final_results\.json/ });
  await exportRun(target, contents());
  const spoil = async (file: string, change: (text: string) => string, expected: RegExp) => {
    const path = join(target, file), text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, change(text));
    await assert.rejects(loadRun(target), (error: Error) => {
      assert.ok(error instanceof ResultsError);
      assert.match(error.message, expected);
      return true;
    });
    await Deno.writeTextFile(path, text);
  };
  await spoil("final_results.json", (text) => text.replace('"version": 1', '"version": 9'), /'version'/);
  await spoil(
    "metrics.jsonl",
    (text) => text.split("\n").slice(1).join("\n"),
    /'sft' must have 4 steps, but 3/,
  );
  await spoil(
    "metrics.jsonl",
    (text) => text.replace("\n", "\n{half a li\n"),
    /metrics\.jsonl:2.*must be JSON/,
  );
  await spoil(
    "completions.jsonl",
    (text) => text.replace(/"correct":true,"wellFormed"/, '"correct":false,"wellFormed"'),
    /right of 40 answers/,
  );
  await loadRun(target);
  await Deno.remove(dir, { recursive: true });
});
