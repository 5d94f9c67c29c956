import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "@std/yaml";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { baseLicence } from "../../lib/models/base_licence.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";

Deno.test("baseLicence() reads the front matter of the base's README, and is undefined where it says nothing", async () => {
  const directory = await Deno.makeTempDir();
  assert.equal(await baseLicence(directory), undefined);
  const cases: [string, string | undefined][] = [
    ["---\nlicense: gemma\nlanguage: en\n---\n# Gemma\n", "gemma"],
    ["---\r\nlicense: apache-2.0\r\n---\r\ntext", "apache-2.0"],
    ["---\nlicense: other\nlicense_name: qwen-research\n---\n", "qwen-research"],
    ["---\nlicense: other\n---\n", "other"],
    ["---\nlicense: |\n  two\n  lines\n---\n", "two lines"],
    ["---\nlicense: [a, b]\n---\n", undefined],
    ["---\nlanguage: en\n---\n", undefined],
    ["---\nlicense: {\n---\n", undefined],
    ["---\n---\n", undefined],
    ["# No front matter\n\n---\nlicense: mit\n---\n", undefined],
  ];
  for (const [text, expected] of cases) {
    await Deno.writeTextFile(join(directory, "README.md"), text);
    assert.equal(await baseLicence(directory), expected, text);
  }
  await Deno.remove(directory, { recursive: true });
});

testOnCpu(
  "saveAdapter() writes a README with the run's card, the adapter's shape and the base's licence",
  async () => {
    await startEngine({ threads: 1 });
    const root = await Deno.makeTempDir(),
      base = join(root, "base"),
      plain = await loadModel(join(import.meta.dirname!, "../../data/models/tiny-gemma"));
    await plain.save(base);
    await Deno.writeTextFile(join(base, "README.md"), "---\nlicense: gemma\n---\n");
    plain.dispose();
    const model = await loadModel({ path: base, lora: { rank: 4, dropout: 0.1, targets: ["q_proj"] } });
    const read = async (folder: string) => await Deno.readTextFile(join(folder, "README.md"));
    const own = join(root, "my-adapter");
    await model.saveAdapter(own, {
      card: { title: "demo", seeds: { grpo: 3 }, rewards: { correctness: 0.6 } },
    });
    const text = await read(own);
    assert.deepEqual(parse(text.split("---\n")[1]), {
      base_model: base,
      library_name: "peft",
      license: "gemma",
      tags: ["lora", "showwork"],
    });
    for (
      const line of [
        "# demo",
        "Rank 4, alpha 8, dropout 0.1, on 4 linear layers.",
        "- grpo: 3",
        "- correctness: 0.6",
      ]
    ) assert.ok(text.split("\n").includes(line), `${line}\n${text}`);
    await model.saveAdapter(own);
    assert.match(await read(own), /^# my-adapter$/m);
    await model.saveAdapter(own, { card: { licence: "mit" } });
    assert.match(await read(own), /^license: mit$/m);
    model.dispose();
    await Deno.remove(root, { recursive: true });
  },
);
