import assert from "node:assert/strict";
import { join, relative, resolve } from "node:path";
import { parse } from "@std/yaml";
import { exportRun } from "../../lib/report/export_run.ts";
import { runCard } from "../../lib/report/run_card.ts";
import { loadRun, ResultsError } from "../../lib/report/load_run.ts";
import { OutputError } from "../../lib/report/write_output.ts";
import { mediaBundle } from "../display/media_bundle.ts";
import { inventedEvaluation, inventedGrpo, inventedSft } from "./invented.ts";

const contents = () => ({
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

Deno.test("exportRun() and loadRun() keep a step whose loss was not finite, a stage of one's own and a run that made no step", async () => {
  const dir = await Deno.makeTempDir(), target = join(dir, "r");
  const failed = { ...inventedSft(2), ended: "failed" as const, reason: "loss was NaN twice" };
  failed.steps[1] = { ...failed.steps[1], loss: NaN, gradientNorm: Infinity };
  const own = { ...inventedGrpo(3), stage: "rejection sampling", name: "best of 8" };
  const runs = [failed, own, {
    ...inventedGrpo(3),
    steps: [],
    completions: [],
    ended: "interrupted" as const,
  }];
  await exportRun(target, { config: {}, runs, evaluations: {} });
  assert.deepEqual((await loadRun(`${target}-failed`)).runs, runs);
  assert.deepEqual(names(dir), ["r-failed"]);
  const page = await Deno.readTextFile(join(`${target}-failed`, "report.html"));
  assert.match(page, /SFT did not finish: failed<\/b> \(loss was NaN twice\)/);
  assert.match(page, /GRPO did not finish: interrupted/);
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

Deno.test("exportRun() refuses a folder with what no export wrote, and takes one where a run has begun", async () => {
  const dir = await Deno.makeTempDir(), project = join(dir, "project"), begun = join(dir, "begun");
  await Deno.mkdir(join(project, "model"), { recursive: true });
  await Deno.writeTextFile(join(project, "config.yaml"), "mine: true");
  await assert.rejects(exportRun(project, contents()), (error: Error) => {
    assert.ok(error instanceof OutputError);
    assert.match(
      error.message,
      /holds 'config\.yaml' and 1 more, which no export wrote.*nothing that was there/,
    );
    return true;
  });
  assert.deepEqual([names(project), names(dir)], [["config.yaml", "model"], ["project"]]);
  for (const name of ["checkpoints", "demo.ipynb", "demo.html"]) {
    await Deno.mkdir(join(begun, name), { recursive: true });
  }
  await exportRun(begun, contents());
  // a part that the export does not have, under the name of one
  await Deno.mkdir(join(begun, "adapter"));
  await assert.rejects(exportRun(begun, contents()), /holds 'adapter', which no export wrote/);
  await Deno.remove(join(begun, "adapter"));
  await exportRun(begun, contents());
  assert.ok(names(begun).includes("checkpoints"));
  await Deno.remove(dir, { recursive: true });
});

Deno.test("exportRun() keeps the results of a whole run apart from those of one that was stopped", async () => {
  const dir = await Deno.makeTempDir(), target = join(dir, "demo"), stopped = contents();
  await exportRun(target, contents());
  stopped.runs[1] = { ...stopped.runs[1], ended: "interrupted", reason: "stopped after step 12 of 80" };
  const written = await exportRun(target, stopped);
  assert.equal(written.dir, `${target}-interrupted`);
  assert.equal((await loadRun(target)).runs[1].ended, "finished");
  assert.match(
    await Deno.readTextFile(join(written.dir, "report.html")),
    /GRPO did not finish: interrupted<\/b> \(stopped after step 12 of 80\)/,
  );
  await Deno.remove(dir, { recursive: true });
});

Deno.test("exportRun() says which showwork made it, names run and model, links its files and takes checkpoints in", async () => {
  const dir = await Deno.makeTempDir(), target = join(dir, "demo & more"), given = contents();
  const temporary = await Deno.makeTempDir({ prefix: "showwork-checkpoints-" });
  await Deno.mkdir(join(temporary, "step-4"));
  given.runs[0].checkpoint = join(temporary, "step-4");
  const written = await exportRun(target, {
    ...given,
    config: { name: "demo", model: { path: "../models/tiny-gemma" } },
  });
  const { version, commit } = written.results.showwork;
  assert.match(version, /^\d+\.\d+\.\d+/);
  assert.ok(commit === null || /^[0-9a-f]{40}\+?$/.test(commit));
  assert.equal(written.results.title, "demo: tiny-gemma");
  assert.match(
    await Deno.readTextFile(join(target, "report.html")),
    /<title>demo: tiny-gemma · showwork<\/title>/,
  );
  const html = (await mediaBundle(written))["text/html"];
  const links: string[] = [...html.matchAll(/href="([^"]+)"/g)].map(([, href]) => decodeURIComponent(href));
  assert.equal(links.length, written.files.length);
  for (const link of links) assert.ok((await Deno.stat(join(Deno.cwd(), link))).isFile, link);
  assert.equal(
    given.runs[0].checkpoint,
    join(target, "checkpoints", "sft-1", "step-4"),
  );
  assert.ok((await Deno.stat(given.runs[0].checkpoint)).isDirectory);
  await assert.rejects(Deno.stat(temporary), Deno.errors.NotFound);
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
