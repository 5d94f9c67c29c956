import assert from "node:assert/strict";
import { join } from "node:path";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import type { CausalLM } from "../../lib/models/causal_lm.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { GgufFile } from "../../lib/weights/gguf_file.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { drawAdapter } from "./draw_adapter.ts";
import { readJson } from "./load_checkpoint.ts";

const fixtures = join(import.meta.dirname!, "../fixtures/gguf"), root = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const texts = ["What is 3 + 4?", "hello  world 123", "naïve café\n\n  x", "", "<end_of_turn>"];

async function logitsOf(model: CausalLM, ids: number[][]): Promise<Float32Array> {
  const logits = model.logits(ids), values = await logits.data() as Float32Array;
  logits.dispose();
  return values;
}

const furthest = (a: Float32Array, b: Float32Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

for (const name of ["llama", "qwen2", "qwen3", "gemma2", "gemma3"]) {
  testOnCpu(`save("model.gguf") of ${name} reads back as the same model, in every type`, async () => {
    await startEngine({ threads: 1 });
    const model = await loadModel(join(fixtures, `${name}.gguf`)),
      { inputs } = await readJson(join(fixtures, `${name}.json`));
    const expected = await logitsOf(model, inputs),
      bounds = { F32: 1e-5, F16: 0.02, BF16: 0.2, Q8_0: 0.2 } as const;
    for (const [dtype, most] of Object.entries(bounds) as [keyof typeof bounds, number][]) {
      const path = join(root, `${name}.${dtype}.gguf`), found = await model.save(path, { dtype });
      assert.ok(found!.difference <= most, `${dtype}: read back, off by ${found!.difference}`);
      assert.deepEqual((await readJson(path.replace(/gguf$/, "showwork.json"))).readBack, { ...found });
      const again = await loadModel(path), off = furthest(await logitsOf(again, inputs), expected);
      assert.ok(off <= most, `${dtype}: off by ${off}`);
      assert.deepEqual(again.config, model.config);
      for (const text of texts) {
        assert.deepEqual(again.tokenizer.encode(text), model.tokenizer.encode(text), text);
      }
      assert.equal(again.tokenizer.chatTemplate, model.tokenizer.chatTemplate);
      again.dispose();
    }
    model.dispose();
  });
}

testOnCpu(
  "a model from a Hugging Face directory is saved as GGUF with its tokenizer and its adapter merged in",
  async () => {
    await startEngine({ threads: 1 });
    const model = await loadModel({ path: "data/models/tiny-gemma", lora: { rank: 2 } });
    drawAdapter(model.decoder, 0.05);
    const path = join(root, "tiny.gguf"), found = await model.save(path, { dtype: "Q8_0" });
    assert.ok(found!.difference < found!.adapterEffect! / 4, JSON.stringify(found));
    const again = await loadModel(path), ids = [model.tokenizer.encode("What is 3 + 4?")];
    const off = furthest(await logitsOf(again, ids), await logitsOf(model, ids));
    assert.ok(off > 0 && off < 0.5, `off by ${off}`);
    for (const text of [...texts, "A farmer has 10 sheep and buys 3 more. How many are there?"]) {
      assert.deepEqual(again.tokenizer.encode(text), model.tokenizer.encode(text), text);
    }
    assert.deepEqual({ ...again.config, eosIds: [] }, { ...model.config, eosIds: [] });
    assert.deepEqual(again.tokenizer.endOfTurnId, model.tokenizer.endOfTurnId);
    const file = await GgufFile.open(path);
    assert.equal(file.metadata.get("general.file_type"), 7);
    assert.deepEqual(new Set(file.tensors.values().map(({ dtype }) => dtype)), new Set(["F32", "Q8_0"]));
    file.close();
    again.dispose();
    model.dispose();
  },
);

for (const name of ["llama", "gemma3"]) {
  testOnCpu(
    `saveAdapter("adapter.gguf") of ${name} loads again with the same logits, whatever scales it`,
    async () => {
      await startEngine({ threads: 1 });
      const model = await loadModel(join(fixtures, `${name}.gguf`)),
        { inputs } = await readJson(join(fixtures, `${name}.json`));
      model.addLora({
        name: "taught",
        rank: 4,
        alpha: 6,
        targets: ["q_proj", "k_proj", "down_proj"],
        rankPattern: { k_proj: 2 },
        alphaPattern: { "layers.0.self_attn.q_proj": 12 },
        rankStabilized: true,
      });
      drawAdapter(model.decoder, 0.1);
      const path = join(root, `${name}.adapter.gguf`), found = await model.saveAdapter(path);
      assert.ok(found!.difference <= 1e-5 && found!.adapterEffect! > 0.1, JSON.stringify(found));
      const expected = await logitsOf(model, inputs), again = await loadModel(join(fixtures, `${name}.gguf`));
      await again.loadAdapter(path);
      assert.ok(furthest(await logitsOf(again, inputs), expected) <= 1e-5);
      assert.deepEqual(again.adapters.map(({ rank, layers }) => [rank, layers]), [[
        4,
        3 * model.config.layers,
      ]]);

      const other = await loadModel(join(fixtures, "qwen3.gguf"));
      await assert.rejects(other.loadAdapter(path), /it is for "(llama|gemma3)", the model is "qwen3"/);
      await assert.rejects(again.loadAdapter(join(fixtures, "qwen3.gguf")), /it is no LoRA adapter/);
      for (const each of [model, again, other]) each.dispose();
    },
  );
}

testOnCpu("save() refuses what a GGUF file cannot say, and leaves nothing", async () => {
  await startEngine({ threads: 1 });
  const model = await loadModel("data/models/tiny-gemma"), folder = await Deno.makeTempDir({ dir: root });
  const path = join(folder, "m.gguf");
  await assert.rejects(
    model.save(path, { dtype: "Q4_0" as never }),
    /needs a dtype of F32, F16, BF16 or Q8_0, got "Q4_0"/,
  );
  await assert.rejects(model.save(path, { maxShardBytes: 1e6 }), /is written whole; leave maxShardBytes out/);
  await assert.rejects(model.save(folder, { dtype: "Q8_0" }), /\(Q8_0 in a \.gguf file\), got "Q8_0"/);
  (model.config as { queryScale: number }).queryScale = 0.1;
  await assert.rejects(
    model.save(path),
    /a GGUF file of gemma3_text cannot say queryScale = 0\.1, it would read back as/,
  );
  assert.deepEqual([...Deno.readDirSync(folder)], []);
  model.dispose();
});
