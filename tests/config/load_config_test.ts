import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { parse } from "@std/yaml";
import { ConfigError } from "../../lib/options/config_error.ts";
import { configJsonSchema } from "../../lib/config/config_json_schema.ts";
import { configToYaml } from "../../lib/config/config_to_yaml.ts";
import { loadConfig } from "../../lib/config/load_config.ts";
import { mergeOverrides } from "../../lib/config/merge_overrides.ts";

const configs = new URL("../../data/configs/", import.meta.url).pathname;
const names = ["demo", "r1", "r2", "r3", "r4", "r5"];

async function inFolder(work: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("loadConfig() reads the presets with the values that SPEC section 1 gives", async () => {
  const [demo, r1, r2, r3, r4, r5] = await Promise.all(
    names.map((name) => loadConfig(`${configs}${name}.yaml`)),
  );
  assert.deepEqual(demo.evaluate.passAt, [1]);
  assert.deepEqual([r1.model.lora?.rank, r1.model.lora?.alpha, r1.grpo.learningRate, r1.grpo.steps], [
    16,
    32,
    5e-6,
    100,
  ]);
  assert.deepEqual([r2.model.lora?.rank, r2.model.lora?.alpha, r2.grpo.loss], [64, 128, "bnpo"]);
  assert.equal(r2.grpo.promptsPerStep * r2.grpo.generations, 32);
  assert.deepEqual(
    [r3.grpo.generations, r3.grpo.learningRate, r3.grpo.beta, r3.grpo.epsilon, r3.grpo.temperature],
    [4, 3e-6, 0.03, 0.2, 0.8],
  );
  assert.deepEqual([r3.sft.learningRate, r3.sft.batchSize, r3.model.lora?.rank], [1e-5, 32, 16]);
  assert.deepEqual([r4.grpo.steps, r4.grpo.generations, r4.grpo.beta, r4.grpo.temperature], [
    2000,
    4,
    0.1,
    0.7,
  ]);
  assert.equal((r4.grpo.learningRate as { peak: number }).peak, 1e-5);
  assert.deepEqual([r5.grpo.advantage, r5.grpo.importance, r5.grpo.beta, r5.evaluate.samples], [
    "rloo",
    "trajectory",
    0,
    32,
  ]);
});

Deno.test("a resolved configuration saved as YAML loads again to the same thing, from any folder", async () => {
  await inFolder(async (folder) => {
    for (const name of names) {
      const config = await loadConfig(`${configs}${name}.yaml`, {
        seed: 7,
        grpo: { checkpoints: join(folder, "c") },
      });
      const file = join(folder, `${name}.yaml`);
      await Deno.writeTextFile(file, configToYaml(config, { directory: folder }));
      assert.deepEqual(await loadConfig(file), config);
    }
  });
});

Deno.test("loadConfig() lays overrides over the file: groups merge, lists and other kinds are replaced", async () => {
  const plain = await loadConfig(`${configs}demo.yaml`);
  const config = await loadConfig(`${configs}demo.yaml`, {
    grpo: { steps: 5, learningRate: { kind: "linear", peak: 1e-3 } },
    sft: { learningRate: { peak: 1e-4 } },
    data: { test: [{ source: "generator", count: 3 }] },
  });
  assert.equal(config.grpo.steps, 5);
  assert.equal(config.grpo.generations, plain.grpo.generations);
  assert.deepEqual(config.grpo.learningRate, { kind: "linear", peak: 1e-3 });
  assert.deepEqual(config.sft.learningRate, { kind: "cosine", peak: 1e-4, warmupRatio: 0.05 });
  assert.equal(config.data.test!.length, 1);
  assert.deepEqual(config.data.train, plain.data.train);
});

Deno.test("loadConfig() gives the run's seed to every section without its own", async () => {
  const { model, data, evaluate, sft, grpo } = await loadConfig(`${configs}r5.yaml`, {
    seed: 9,
    sft: { seed: 3 },
  });
  assert.deepEqual([model.seed, data.seed, evaluate.seed, sft.seed, grpo.seed], [9, 9, 9, 3, 9]);
});

Deno.test("loadConfig() reads paths from the file's folder and overrides' from the working directory", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "run.yaml");
    await Deno.writeTextFile(
      file,
      "version: 1\nname: x\nmodel: { path: ../m, adapter: a }\ndata:\n" +
        "  train: [{ source: problems, path: p }]\n  test: [{ source: generator, count: 1 }]\n",
    );
    const here = (path: string) => relative(Deno.cwd(), join(folder, path));
    const config = await loadConfig(file, { sft: { checkpoints: "./out" } });
    assert.equal(config.model.path, here("../m"));
    assert.equal(config.model.adapter, here("a"));
    assert.equal((config.data.train[0] as { path: string }).path, here("p"));
    assert.equal(config.sft.checkpoints, "./out");
    const hub = await loadConfig(file, { model: { path: "google/gemma-3-270m-it" } });
    assert.equal(hub.model.path, "google/gemma-3-270m-it");
  });
});

Deno.test("loadConfig() lists every problem of a file at once", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "bad.yaml");
    await Deno.writeTextFile(
      file,
      "version: 1\nname: x y\nmodle: { path: m }\ndata: { train: [], test: [{ source: generator, cuont: 1 }] }\n" +
        "sft: null\ngrpo: { generations: 1, learnin_rate: 1 }\ncurriculum: { kind: fixd, phases: [] }\n",
    );
    const error = await loadConfig(file).then(() => null, (error) => error);
    assert.ok(error instanceof ConfigError);
    const found = Object.fromEntries(error.problems.map((problem) => [problem.path, problem]));
    assert.equal(found["modle"].nearest, "model");
    assert.equal(found["data.test[0].cuont"].nearest, "count");
    assert.equal(found["grpo.learnin_rate"].nearest, "learningRate");
    assert.equal(found["curriculum.kind"].nearest, "fixed");
    for (const path of ["name", "sft", "model", "data.train", "data.test[0].count", "grpo.generations"]) {
      assert.ok(path in found, `${path} is missing from ${Object.keys(found)}`);
    }
    assert.match(error.message, /bad\.yaml: 10 problems\n/);
  });
});

Deno.test("loadConfig() says what is wrong with a file that is missing or no YAML", async () => {
  await inFolder(async (folder) => {
    await assert.rejects(
      loadConfig(join(folder, "none.yaml")),
      /ConfigError.*none\.yaml[\s\S]*could not be read/,
    );
    await Deno.writeTextFile(join(folder, "torn.yaml"), "a: [1,\nb: }");
    await assert.rejects(loadConfig(join(folder, "torn.yaml")), /ConfigError[\s\S]*is not YAML/);
    await Deno.writeTextFile(join(folder, "empty.yaml"), "");
    await assert.rejects(loadConfig(join(folder, "empty.yaml")), /must be a group of options/);
  });
});

Deno.test("a configuration is plain data that displays itself as YAML", async () => {
  const config = await loadConfig(`${configs}demo.yaml`);
  const shown = await (config as never as Record<symbol, () => Promise<Record<string, string>>>)
    [Symbol.for("Jupyter.display")]();
  assert.deepEqual(parse(shown["text/plain"]), JSON.parse(JSON.stringify(config)));
  assert.deepEqual(structuredClone({ ...config }), config);
});

Deno.test("data/configs/schema.json is what the schema says", async () => {
  const committed = JSON.parse(await Deno.readTextFile(`${configs}schema.json`));
  assert.deepEqual(committed, JSON.parse(JSON.stringify(configJsonSchema())));
  for (const name of names) {
    const text = await Deno.readTextFile(`${configs}${name}.yaml`);
    assert.ok(text.startsWith("# yaml-language-server: $schema=schema.json\n"), name);
  }
});

Deno.test("mergeOverrides() changes neither side and ignores __proto__", () => {
  const base = { a: { b: 1, c: [1, 2] } };
  assert.deepEqual(mergeOverrides(base, { a: { c: [3] } }), { a: { b: 1, c: [3] } });
  assert.deepEqual(base, { a: { b: 1, c: [1, 2] } });
  const merged = mergeOverrides({}, JSON.parse('{"__proto__": {"polluted": 1}}')) as Record<string, unknown>;
  assert.equal(merged.polluted, undefined);
});

Deno.test("loadConfig() gives the run's system prompt to every section without its own, and reads all of LoRA's options", async () => {
  const lora = {
    name: "maths",
    rank: 4,
    dropout: 0.1,
    targets: ".*self_attn.*",
    exclude: ["o_proj"],
    rankStabilized: true,
    rankPattern: { q_proj: 8 },
    alphaPattern: { "layers.0.*": 2 },
  };
  const config = await loadConfig(`${configs}demo.yaml`, {
    systemPrompt: "Show your work.",
    evaluate: { systemPrompt: null },
    model: { lora },
  });
  assert.deepEqual([config.sft.systemPrompt, config.grpo.systemPrompt, config.evaluate.systemPrompt], [
    "Show your work.",
    "Show your work.",
    null,
  ]);
  assert.deepEqual({ ...config.model.lora, alpha: undefined }, { ...lora, alpha: undefined });
  const plain = await loadConfig(`${configs}demo.yaml`);
  assert.deepEqual([plain.systemPrompt, plain.sft.systemPrompt, plain.grpo.systemPrompt], [null, null, null]);
  await assert.rejects(
    loadConfig(`${configs}demo.yaml`, {
      model: { lora: { dropout: 1, targets: [], use_rslora: true } as never },
    }),
    (error) => {
      assert.ok(error instanceof ConfigError);
      assert.deepEqual(error.problems.map(({ path }) => path).sort(), [
        "model.lora.dropout",
        "model.lora.targets",
        "model.lora.use_rslora",
      ]);
      return true;
    },
  );
});
