import assert from "node:assert/strict";
import { join } from "node:path";
import { loadDataset } from "../../lib/data/dataset.ts";
import { type HubFiles, withHub } from "../weights/local_hub.ts";

const bytes = (rows: unknown[]) =>
  new TextEncoder().encode(rows.map((row) => JSON.stringify(row)).join("\n"));
const sums = (from: number) =>
  bytes(
    [0, 1, 2].map((i) => ({ question: `What is ${from + i} + 1?`, answer: `Sum.\n#### ${from + i + 1}` })),
  );

/** Runs with the local hub in the environment, as a notebook would have the real one. */
async function served(files: HubFiles, use: (requests: { path: string }[]) => Promise<void>) {
  await withHub(() => undefined, async ({ options, requests }) => {
    const values = { HF_ENDPOINT: options.endpoint!, HF_HUB_CACHE: options.cache, HF_HUB_OFFLINE: "0" };
    const before = Object.keys(values).map((key) => [key, Deno.env.get(key)] as const);
    for (const [key, value] of Object.entries(values)) Deno.env.set(key, value);
    try {
      await use(requests);
    } finally {
      for (const [key, value] of before) {
        value === undefined ? Deno.env.delete(key) : Deno.env.set(key, value);
      }
    }
  }, { files });
}

Deno.test("a data set of the hub comes by its id, configuration and split, and once", async () => {
  const files = {
    "README.md": bytes([]),
    "main/train-00000-of-00002.jsonl": sums(1),
    "main/train-00001-of-00002.jsonl": sums(4),
    "main/test-00000-of-00001.jsonl": sums(10),
    "socratic/train-00000-of-00001.jsonl": sums(20),
  };
  await served(files, async (requests) => {
    const hub = { source: "hub", path: "openai/gsm8k", config: "main" } as const;
    const options = { train: [hub], test: [{ ...hub, split: "test" }] };
    const { train, test } = await loadDataset(options);
    assert.deepEqual(
      train.map(({ id }) => id).sort(),
      [0, 1, 2, 3, 4, 5].map((i) => `gsm8k/main/train/${i}`),
    );
    assert.deepEqual(test.map(({ answer }) => answer), ["11", "12", "13"]);
    assert.ok(requests.some(({ path }) => path.startsWith("/datasets/openai/gsm8k/resolve/")));
    Deno.env.set("HF_HUB_OFFLINE", "1");
    const asked = requests.length;
    assert.equal((await loadDataset(options)).train.length, 6);
    assert.equal(requests.length, asked);
    Deno.env.set("HF_HUB_OFFLINE", "0");
    await assert.rejects(
      loadDataset({ train: [{ ...hub, split: "validation" }] }),
      /fetching openai\/gsm8k: the repository has no file of split validation and configuration main/,
    );
  });
});

Deno.test("a data set of the hub in parquet is read by its fields' usual names", async () => {
  const parquet = await Deno.readFile(join(import.meta.dirname!, "../fixtures/data/sums.parquet"));
  await served({ "data/train-00000-of-00001.parquet": parquet }, async () => {
    const source = {
      source: "hub",
      path: "acme/sums",
      fields: { question: "question", answer: "answer" },
    } as const;
    const { train, test } = await loadDataset({ train: [source], split: 0.5 });
    assert.deepEqual([...train, ...test].map(({ answer }) => answer).sort(), ["5", "9007199254740993"]);
  });
});
