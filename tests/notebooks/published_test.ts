/** Each reference notebook with `published = true`, run to its end on stand-ins: a local hub, a checkpoint of random weights, few steps. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { createModel } from "../../lib/models/create_model.ts";
import { tinyGemmaConfig } from "../../lib/models/tiny_gemma.ts";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { loadTokenizer } from "../../lib/text/tokenizer.ts";
import { type HubFiles, sha, withHub } from "../weights/local_hub.ts";

const root = decodeURIComponent(new URL("../../", import.meta.url).pathname);
const names = [...Deno.readDirSync(join(root, "notebooks"))].map(({ name }) => name)
  .filter((name) => /^r\d_.*\.ipynb$/.test(name)).sort();

const lines = (rows: unknown[]) =>
  new TextEncoder().encode(rows.map((row) => JSON.stringify(row)).join("\n"));
/** Sums as GSM8K writes them, with calculations that become graphs. */
const sums = (from: number, count: number) =>
  lines(Array.from({ length: count }, (_, i) => {
    const a = from + i, b = 3 + i % 4;
    return {
      question: `Ann has ${a} pens. She buys ${b} more. How many has she?`,
      answer: `She has ${a}+${b}=<<${a}+${b}=${a + b}>>${a + b}.\n#### ${a + b}`,
    };
  }));

/** The data sets that the notebooks name. */
const dataFiles: HubFiles = {
  "main/train-00000-of-00001.jsonl": sums(10, 40),
  "main/test-00000-of-00001.jsonl": sums(100, 12),
  "bn/test-00000-of-00001.jsonl": lines([1, 2, 3].map((i) => (
    { question: `অ্যানের ${i + 4}টি কলম আছে। সে আরও 3টি কেনে। এখন কয়টি?`, answer: `${i + 7}` }
  ))),
  "test.jsonl": lines([1, 2, 3].map((i) => (
    { unique_id: `${i}`, problem: `What is ${i} + 1?`, answer: `${i + 1}`, subject: "Algebra", level: 1 }
  ))),
};
/** Which of them a repository holds; one of a model holds the model's files. */
const filesOf: Record<string, RegExp> = { gsm8k: /^main\//, mgsm: /^bn\//, "MATH-500": /^test\./ };

/** What all repositories of the local hub hold together. */
async function hubFiles(): Promise<HubFiles> {
  await useBackend({ backend: "cpu", threads: 1 });
  const tokenizer = await loadTokenizer(join(root, "data/models/tiny-gemma")),
    shape = { layers: 2, hiddenSize: 32, intermediateSize: 64, heads: 2, kvHeads: 1, headDim: 16 };
  const config = {
    ...tinyGemmaConfig(tokenizer.vocabularySize),
    ...shape,
    embeddingScale: Math.sqrt(shape.hiddenSize),
    maxPositions: 8192,
  };
  config.layerWindows = [512, null];
  config.layerRope = config.layerRope.slice(0, 2);
  const model = createModel(config, { tokenizer, seed: 5 }), folder = await Deno.makeTempDir();
  try {
    await model.save(folder);
    for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
      await Deno.copyFile(join(root, "data/models/tiny-gemma", name), join(folder, name));
    }
    const files: HubFiles = {};
    for (const { name } of Deno.readDirSync(folder)) files[name] = await Deno.readFile(join(folder, name));
    return {
      ...files,
      ...dataFiles,
    };
  } finally {
    model.dispose();
    await Deno.remove(folder, { recursive: true });
  }
}

/** The notebook's cells as one program, with the published branch taken and the library's configurations cut to a few steps. */
async function program(name: string, folder: string): Promise<string> {
  const { cells } = JSON.parse(await Deno.readTextFile(join(root, "notebooks", name))) as {
    cells: { cell_type: string; source: string[] }[];
  };
  const code = cells.filter(({ cell_type }) => cell_type === "code").map(({ source }) =>
    `${source.join("")};`
  ).join("\n");
  assert.match(code, /^const published = false;$/m);
  const library = join(folder, "library.ts");
  await Deno.writeTextFile(
    library,
    `export * from ${JSON.stringify(`file://${root}mod.ts`)};
import { loadConfig as whole } from ${JSON.stringify(`file://${root}mod.ts`)};
import { mergeOverrides } from ${JSON.stringify(`file://${root}lib/config/merge_overrides.ts`)};
const few = { evaluate: { maxTokens: 6 }, sft: { steps: 1, batchSize: 2 }, grpo: { steps: 2, maxTokens: 6 } };
export const loadConfig = (path, overrides = {}) => whole(path, mergeOverrides(overrides, few));
`,
  );
  const path = join(folder, "notebooks", "program.ts");
  await Deno.writeTextFile(
    path,
    code.replace(/^const published = false;$/m, "const published = true;")
      .replaceAll(/(?<=\{ \.\.\.part\.grpo, steps: )\d+/g, "2") // R3's ablation
      .replace('from "../mod.ts"', `from ${JSON.stringify(`file://${library}`)}`) + "\nDeno.exit(0);\n",
  );
  return path;
}

for (const name of names) {
  Deno.test({
    name: `${name} runs to its end with published = true, on a local hub and a random checkpoint`,
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      const folder = await Deno.makeTempDir();
      await Deno.mkdir(join(folder, "notebooks"));
      await Deno.symlink(join(root, "data"), join(folder, "data"));
      try {
        const path = await program(name, folder);
        const files = await hubFiles();
        const listing = (request: Request, file: string) => {
          const repository = new URL(request.url).pathname.split("/")[4];
          const held = filesOf[repository] ?? /^[^/]*$(?<!^test.jsonl)/;
          if (file !== "api") return;
          const siblings = Object.keys(files).filter((file) => held.test(file)).map((rfilename) => ({
            rfilename,
          }));
          return Response.json({ id: repository, sha, siblings });
        };
        await withHub(listing, async ({ options, requests }) => {
          const { success, stderr } = await new Deno.Command(Deno.execPath(), {
            args: ["run", "--allow-all", "--no-check", "--config", join(root, "deno.json"), path],
            cwd: join(folder, "notebooks"),
            env: {
              HF_ENDPOINT: options.endpoint!,
              HF_HUB_CACHE: options.cache,
              HF_HUB_OFFLINE: "0",
              SHOWWORK_QUIET: "1",
              NO_COLOR: "1",
            },
          }).output();
          assert.ok(success, new TextDecoder().decode(stderr).slice(-3000));
          assert.ok(requests.some(({ path }) => path.endsWith("/model.safetensors")));
          const exported = join(folder, "results", name.slice(0, 2), "final_results.json");
          assert.ok((await Deno.stat(exported)).isFile);
        }, { files });
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
