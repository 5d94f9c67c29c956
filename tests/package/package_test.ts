import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { type LocalRegistry, localRegistry } from "./local_registry.ts";

const root = new URL("../../", import.meta.url).pathname;

/** Runs Deno in `cwd`; module and npm caches are the machine's, assets go into the folder. */
async function deno(args: string[], { cwd, registry }: { cwd: string; registry: LocalRegistry }) {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: {
      JSR_URL: registry.url,
      NO_COLOR: "1",
      SHOWWORK_CACHE: join(cwd, ".cache"),
      DENO_NO_UPDATE_CHECK: "1",
    },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { success, output: text.decode(stdout), errors: text.decode(stderr) };
}

/** Publishes this tree to a registry of its own. */
async function published(): Promise<LocalRegistry> {
  const registry = localRegistry();
  const { success, errors } = await deno(
    ["publish", "--token", "none", "--allow-dirty", "--allow-slow-types", "--no-check"],
    { cwd: root, registry },
  );
  if (!success) {
    await registry[Symbol.asyncDispose]();
    assert.fail(errors);
  }
  return registry;
}

const script = `
import { compositeReward, grpo, loadConfig, loadDataset, loadModel, useBackend } from "jsr:@showwork/showwork";

await useBackend({ backend: "cpu" });
const config = await loadConfig("demo", { grpo: { steps: 1, promptsPerStep: 1, generations: 2, maxTokens: 8 } });
const model = await loadModel(config.model);
const data = await loadDataset({ train: [{ source: "generator", count: 8 }], test: [{ source: "generator", count: 2 }] });
const run = await grpo(model, data.train, { ...config.grpo, reward: compositeReward(config.reward) });
console.log(JSON.stringify({ parameters: model.parameterCount, steps: run.steps.length, ended: run.ended }));
Deno.exit();
`;

Deno.test("the package holds what a user needs and nothing of the tests", async () => {
  await using registry = await published();
  const paths = [...registry.files.keys()],
    bytes = [...registry.files.values()].reduce((sum, { length }) => sum + length, 0);
  for (
    const path of [
      "/mod.ts",
      "/lib/kernels/cpu/kernels.wasm",
      "/data/configs/demo.yaml",
      "/lib/tasks/run_notebook.py",
    ]
  ) {
    assert.ok(registry.files.has(path), `${path} is missing`);
  }
  assert.deepEqual(paths.filter((path) => /^\/(tests|notebooks|results|node_modules)\//.test(path)), []);
  assert.ok(bytes < 10e6, `the package has ${(bytes / 1e6).toFixed(1)} MB`);
  const bare = paths.filter((path) => path.endsWith(".ts")).filter((path) =>
    /^(?:import|export)[^";]*from "(?!npm:|node:|jsr:|\.)[^"]+"/m.test(
      new TextDecoder().decode(registry.files.get(path)),
    )
  );
  assert.deepEqual(bare, [], "a module names a package by this tree's import map");
});

Deno.test("a script in an empty folder trains the embedded model with the toolkit from a registry", async () => {
  await using registry = await published();
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(folder, "script.ts"), script);
    const { success, output, errors } = await deno(["run", "--allow-all", "script.ts"], {
      cwd: folder,
      registry,
    });
    assert.ok(success, errors);
    const { parameters, steps, ended } = JSON.parse(output.trim().split("\n").at(-1)!);
    assert.ok(parameters > 1e6);
    assert.deepEqual({ steps, ended }, { steps: 1, ended: "finished" });
    // a second run reads its assets from the cache
    const before = registry.requests.filter((request) => request.endsWith("model.safetensors")).length;
    assert.ok((await deno(["run", "--allow-all", "script.ts"], { cwd: folder, registry })).success);
    assert.equal(registry.requests.filter((request) => request.endsWith("model.safetensors")).length, before);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const python = Deno.env.get("SHOWWORK_PYTHON");
if (!python) console.log("skipped: running a new project's notebook in tests/package needs SHOWWORK_PYTHON");

Deno.test({
  name: "new writes a project whose notebook runs top to bottom in a kernel",
  ignore: !python,
  async fn() {
    await using registry = await published();
    const parent = await Deno.makeTempDir(), folder = join(parent, "my-project");
    try {
      const made = await deno(["run", "--allow-all", "jsr:@showwork/showwork/new", "my-project"], {
        cwd: parent,
        registry,
      });
      assert.ok(made.success, made.errors);
      assert.match(made.output, /my-project is ready/);
      const again = await deno(["run", "--allow-all", "jsr:@showwork/showwork/new", "my-project"], {
        cwd: parent,
        registry,
      });
      assert.ok(!again.success);
      assert.match(again.errors, /must be a new or empty folder/);
      // the environment that the tests have, and a run of a few seconds
      await Deno.symlink(dirname(dirname(python!)), join(folder, ".venv"));
      const config = await Deno.readTextFile(join(folder, "config.yaml"));
      await Deno.writeTextFile(
        join(folder, "config.yaml"),
        config.replace("count: 120", "count: 8").replace("steps: 100", "steps: 2").replace(
          "steps: 30",
          "steps: 1",
        ),
      );
      const demo = await deno(["task", "demo"], { cwd: folder, registry });
      assert.ok(demo.success, demo.output + demo.errors);
      const results = JSON.parse(
        await Deno.readTextFile(join(folder, "results", "my-run", "final_results.json")),
      );
      assert.deepEqual(results.runs.map(({ stepCount }: { stepCount: number }) => stepCount), [2, 1]);
    } finally {
      await Deno.remove(parent, { recursive: true });
    }
  },
});
