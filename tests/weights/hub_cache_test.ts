import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { downloadModel, HubError } from "../../lib/weights/hub.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { setObserver } from "../../lib/display/observer.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { contents, etagOf, type HubFiles, id, sha, withHub } from "./local_hub.ts";

/** A cache as Python's `hf_hub_download` leaves it: blobs by ETag, relative links, the commit of a branch, marks of absent files. */
async function pythonCache(files: HubFiles): Promise<{ cache: string; snapshot: string; folder: string }> {
  const cache = await Deno.makeTempDir(), folder = join(cache, "models--acme--tiny");
  const snapshot = join(folder, "snapshots", sha);
  for (const part of ["blobs", "refs", `.no_exist/${sha}`]) {
    await Deno.mkdir(join(folder, part), { recursive: true });
  }
  await Deno.mkdir(snapshot, { recursive: true });
  await Deno.writeTextFile(join(folder, "refs", "main"), sha);
  await Deno.writeTextFile(join(folder, ".no_exist", sha, "adapter_config.json"), "");
  for (const [name, bytes] of Object.entries(files)) {
    const etag = etagOf(name, files);
    await Deno.writeFile(join(folder, "blobs", etag), bytes);
    await Deno.symlink(`../../blobs/${etag}`, join(snapshot, name));
  }
  return { cache, snapshot, folder };
}

const offline = (cache: string) => ({ cache, offline: true, kaggle: join(cache, "none") });

const refused = (promise: Promise<unknown>) =>
  assert.rejects(promise, (error) => error instanceof HubError && /no whole copy/.test(error.message));

Deno.test("downloadModel() finds offline what Python downloaded, by branch and by commit", async () => {
  const { cache, snapshot } = await pythonCache(contents);
  assert.equal(await downloadModel(id, offline(cache)), snapshot);
  assert.equal(await downloadModel(id, { ...offline(cache), revision: sha }), snapshot);
  await refused(downloadModel(id, { ...offline(cache), revision: "other" }));
  await refused(downloadModel("acme/other", offline(cache)));
  await Deno.remove(cache, { recursive: true });
});

Deno.test("downloadModel() takes no snapshot that lacks weights for whole", async () => {
  const { "config.json": config, "tokenizer.json": tokenizer, "model.safetensors": weights } = contents;
  const index = new TextEncoder().encode(
    JSON.stringify({
      weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" },
    }),
  );
  const shards = {
    "config.json": config,
    "model.safetensors.index.json": index,
    "model-00001-of-00002.safetensors": weights,
    "model-00002-of-00002.safetensors": weights.slice(9),
  };
  const { "model-00002-of-00002.safetensors": _, ...one } = shards;
  const cases: [HubFiles, boolean][] = [
    [{ "config.json": config, "tokenizer.json": tokenizer }, false],
    [{ "model.safetensors": weights }, false],
    [{ "config.json": config, "model.safetensors.index.json": index }, false],
    [{ "config.json": config, "model.safetensors.index.json": new TextEncoder().encode("{}") }, false],
    [one, false],
    [shards, true],
  ];
  for (const [files, whole] of cases) {
    const { cache, snapshot } = await pythonCache(files);
    if (whole) assert.equal(await downloadModel(id, offline(cache)), snapshot);
    else await refused(downloadModel(id, offline(cache)));
    if ("config.json" in files) {
      assert.equal(await downloadModel(id, { ...offline(cache), weights: false }), snapshot);
    }
    await Deno.remove(cache, { recursive: true });
  }
  // a link to a blob that is gone
  const { cache, folder } = await pythonCache(contents);
  await Deno.remove(join(folder, "blobs", etagOf("model.safetensors")));
  await refused(downloadModel(id, offline(cache)));
  await Deno.remove(cache, { recursive: true });
});

Deno.test("downloadModel() fetches only what Python's cache lacks, and leaves the weights out on request", async () => {
  const { "model.safetensors": _, ...small } = contents, { cache, snapshot } = await pythonCache(small);
  await withHub(() => undefined, async ({ options, requests }) => {
    const own = { ...options, cache };
    assert.equal(await downloadModel(id, { ...own, weights: false }), snapshot);
    assert.deepEqual(requests.map(({ path }) => path), ["/api/models/acme/tiny/revision/main"]);
    assert.equal(await downloadModel(id, own), snapshot);
    assert.deepEqual(
      [...new Set(requests.slice(1).map(({ path }) => path.split("/").at(-1)))].sort(),
      ["main", "model.safetensors"],
    );
  });
  await Deno.remove(cache, { recursive: true });
});

const embedded = join(import.meta.dirname!, "../../data/models/tiny-gemma");

/** Sets environment variables for the time of `work`. */
async function withEnvironment(values: Record<string, string>, work: () => Promise<void>): Promise<void> {
  const before = Object.keys(values).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(values)) Deno.env.set(name, value);
  try {
    await work();
  } finally {
    for (const [name, value] of before) {
      value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
    }
  }
}

testOnCpu(
  "loadModel() takes a hub id: fetched with a progress bar, then offline from the cache",
  async () => {
    await startEngine({ threads: 1 });
    const files: HubFiles = {};
    for await (const { name } of Deno.readDir(embedded)) {
      files[name] = await Deno.readFile(
        join(embedded, name),
      );
    }
    await withHub(() => undefined, async ({ options: { cache, endpoint }, requests }) => {
      const home = dirname(cache), shown: { title: string; steps: number[]; ended?: string }[] = [];
      const variables = {
        HF_HUB_CACHE: cache!,
        HF_HOME: home,
        HF_ENDPOINT: endpoint!,
        HF_TOKEN: "from the environment",
      };
      setObserver({
        view({ title }) {
          const view: typeof shown[number] = { title, steps: [] };
          shown.push(view);
          return {
            update: ({ step }) => void view.steps.push(step),
            note() {},
            end: (ended) => Promise.resolve(void (view.ended = ended)),
          };
        },
        stop: () => ({ pressed: false, signal: new AbortController().signal, release() {} }),
      });
      try {
        await withEnvironment(variables, async () => {
          const local = await loadModel(embedded), fetched = await loadModel("acme/tiny");
          assert.equal(fetched.source, "acme/tiny");
          const prompt = [local.tokenizer.encode("What is 3 + 4?")];
          const [a, b] = [local, fetched].map((model) => model.logits(prompt));
          assert.deepEqual(b.dataSync(), a.dataSync());
          a.dispose();
          b.dispose();
          local.dispose();
          fetched.dispose();
          assert.equal(requests[0].token, "Bearer from the environment");
        });
        assert.ok(shown.every(({ title, ended }) => title === "Fetching acme/tiny" && ended === "finished"));
        const steps = shown.flatMap(({ steps }) => steps);
        assert.ok(
          steps.length > 5 && steps.every((step) => step >= 0 && step <= 100) && steps.includes(100),
          `${steps}`,
        );
        const before = requests.length;
        await withEnvironment({ ...variables, HF_HUB_OFFLINE: "1" }, async () => {
          (await loadModel("acme/tiny")).dispose();
          await assert.rejects(loadModel("acme/absent"), /HF_HUB_OFFLINE is set/);
        });
        assert.equal(requests.length, before);
      } finally {
        setObserver(null);
      }
    }, { files });
  },
);

const python = Deno.env.get("SHOWWORK_TRANSFORMERS_PYTHON");

Deno.test({
  name:
    "the cache is shared with Python's huggingface_hub both ways (SHOWWORK_TRANSFORMERS_PYTHON names a Python with it)",
  ignore: !python,
  async fn() {
    const run = async (cache: string, endpoint: string, local: boolean) => {
      const code = `import sys; from huggingface_hub import snapshot_download
print(snapshot_download("${id}", local_files_only=${local ? "True" : "False"}))`;
      const { stdout, stderr, success } = await new Deno.Command(python!, {
        args: ["-c", code],
        env: {
          HF_HUB_CACHE: cache,
          HF_ENDPOINT: endpoint,
          HF_HUB_DISABLE_XET: "1",
          HF_HUB_DISABLE_PROGRESS_BARS: "1",
        },
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      return new TextDecoder().decode(stdout).trim();
    };
    await withHub(() => undefined, async ({ options }) => {
      const theirs = await Deno.makeTempDir(), endpoint = options.endpoint!;
      // what Python fetched, we find; what we fetched, Python finds
      const snapshot = await run(theirs, endpoint, false);
      assert.equal(await downloadModel(id, offline(theirs)), snapshot);
      const own = await downloadModel(id, options);
      assert.equal(await run(options.cache, endpoint, true), own);
      for (const [name, bytes] of Object.entries(contents)) {
        for (const folder of [snapshot, own]) {
          assert.deepEqual(new Uint8Array(await Deno.readFile(join(folder, name))), bytes);
        }
        assert.equal(await Deno.readLink(join(snapshot, name)), await Deno.readLink(join(own, name)));
      }
      assert.equal(
        await Deno.readTextFile(join(theirs, "models--acme--tiny", "refs", "main")),
        await Deno.readTextFile(join(options.cache, "models--acme--tiny", "refs", "main")),
      );
      await Deno.remove(theirs, { recursive: true });
    });
  },
});
