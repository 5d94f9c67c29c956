import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { CausalLM } from "../../lib/models/causal_lm.ts";
import { createModel } from "../../lib/models/create_model.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { SafetensorsFile } from "../../lib/weights/safetensors.ts";
import { loadTokenizer, type Tokenizer } from "../../lib/text/tokenizer.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { plainConfig, tinyConfig } from "../kernels/webgpu/tiny_decoder.ts";
import { loadCheckpoint, readJson } from "./load_checkpoint.ts";
import { transformersLogits } from "./transformers_logits.ts";

const embedded = join(import.meta.dirname!, "../../data/models/tiny-gemma"), root = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const tokenizer = await loadTokenizer(embedded), vocabSize = tokenizer.vocabularySize;
const ids = [[2, 7, 1, 8], [11], [3, 1, 4, 1, 5, 9, 2, 6]];

const create = (seed: number, config = tinyConfig) =>
  createModel({ ...config, vocabSize }, { tokenizer, seed, standardDeviation: 0.2, directory: embedded });

async function logitsOf(model: CausalLM, rows = ids): Promise<number[]> {
  const logits = model.logits(rows), values = [...await logits.data()];
  logits.dispose();
  return values;
}

const weightsIn = (directory: string) =>
  [...Deno.readDirSync(directory)].map(({ name }) => name).filter((name) => name.startsWith("model")).sort();

testOnCpu(
  "save() cuts weights above maxShardBytes into files with an index, and loads to the same logits",
  async () => {
    await startEngine({ threads: 1 });
    const model = create(3),
      expected = await logitsOf(model),
      directory = join(root, "sharded"),
      limit = 20_000;
    await model.save(directory, { maxShardBytes: limit });
    const names = weightsIn(directory), index = names.pop()!, count = names.length;
    assert.equal(index, "model.safetensors.index.json");
    assert.ok(count >= 3, `${names}`);
    const five = (n: number) => `${n}`.padStart(5, "0");
    assert.deepEqual(names, names.map((_, i) => `model-${five(i + 1)}-of-${five(count)}.safetensors`));
    const { metadata, weight_map } = await readJson(join(directory, index));
    assert.deepEqual(Object.keys(weight_map), model.decoder.names.toSorted());
    assert.deepEqual(metadata, {
      total_parameters: model.parameterCount,
      total_size: 4 * model.parameterCount,
    });
    for (const name of names) {
      const file = await SafetensorsFile.open(join(directory, name)), own = [...file.tensors.values()];
      const bytes = own.reduce((sum, { start, end }) => sum + end - start, 0);
      assert.ok(bytes <= limit || own.length === 1, `${name} has ${bytes} bytes in ${own.length} tensors`);
      for (const tensor of own) assert.equal(weight_map[tensor.name], name);
      file.close();
    }
    const loaded = await loadModel(directory);
    assert.deepEqual(await logitsOf(loaded), expected);
    loaded.dispose();

    // Another model over it: nothing of the shards may be left to be loaded instead.
    const other = create(4);
    await other.save(directory);
    assert.deepEqual(weightsIn(directory), ["model.safetensors"]);
    const again = await loadModel(directory);
    assert.deepEqual(await logitsOf(again), await logitsOf(other));
    for (const one of [model, other, again]) one.dispose();
  },
);

testOnCpu("save() merges the adapter in use: W + α/r·B·A", async () => {
  await startEngine({ threads: 1 });
  const model = create(5), base = await logitsOf(model), directory = join(root, "merged");
  model.addLora({ rank: 2, alpha: 6 });
  const gaussian = tf.randomNormal([24, 2], 0, 0.5, "float32", 3) as tf.Tensor2D;
  for (const { name, variable } of model.decoder.parameters()) {
    if (name.includes("o_proj.lora_B")) tf.tidy(() => variable.assign(tf.add(gaussian, variable)));
  }
  gaussian.dispose();
  const expected = await logitsOf(model);
  assert.ok(expected.some((value, i) => Math.abs(value - base[i]) > 0.1), "the adapter changes nothing");
  await model.save(directory, { maxShardBytes: 30_000 });
  const loaded = await loadModel(directory), found = await logitsOf(loaded);
  expected.forEach((value, i) =>
    assert.ok(Math.abs(value - found[i]) < 1e-4, `${value}, merged ${found[i]}`)
  );
  model.dispose();
  loaded.dispose();
});

testOnCpu("save() stores 16-bit numbers on request, and says so in config.json", async () => {
  await startEngine({ threads: 1 });
  const model = create(6), directory = join(root, "half");
  await model.save(directory, { dtype: "BF16" });
  assert.equal((await readJson(join(directory, "config.json"))).torch_dtype, "bfloat16");
  const file = await SafetensorsFile.open(join(directory, "model.safetensors"));
  assert.ok([...file.tensors.values()].every(({ dtype }) => dtype === "BF16"));
  file.close();
  const loaded = await loadModel(directory), name = "model.layers.0.mlp.up_proj.weight";
  const [whole, half] = [model, loaded].map(({ decoder }) => decoder.weight(name).dataSync());
  // 8 bits of precision: at most half of the last place away
  whole.forEach((value, i) => assert.ok(Math.abs(value - half[i]) <= Math.abs(value) * 2 ** -8, `${value}`));
  model.dispose();
  loaded.dispose();
});

testOnCpu(
  "save() refuses what config.json cannot say or the options cannot mean, and writes nothing",
  async () => {
    await startEngine({ threads: 1 });
    const rope = { base: 10_000, scaling: null }, directory = join(root, "refused");
    const qwen = { ...plainConfig, attentionSoftcap: null, finalSoftcap: null, layerRope: [rope, rope] };
    const cases = [
      [
        { ...qwen, finalSoftcap: 6 },
        {},
        /config\.json of qwen2 cannot say finalSoftcap = 6, .* read back as null/,
      ],
      [{ ...qwen, embeddingScale: 3 }, {}, /cannot say embeddingScale = 3, .* read back as 1/],
      [{ ...qwen, layerRope: [rope, { base: 5, scaling: null }] }, {}, /cannot say layerRope/],
      [{ ...tinyConfig, queryScale: 0.3 }, {}, null], // 1 / 0.3² is no whole number, and reads back to a last place
      [qwen, { maxShardBytes: 0 }, /needs maxShardBytes above 0, got 0/],
      [qwen, { dtype: "F64" as "F32" }, /needs a dtype of F32, F16 or BF16 .*, got "F64"/],
    ] as const;
    for (const [config, options, message] of cases) {
      const model = create(7, config as typeof tinyConfig);
      if (message === null) await model.save(join(root, "fraction"), options);
      else {
        await assert.rejects(model.save(directory, options), message);
        await assert.rejects(Deno.stat(directory), Deno.errors.NotFound);
      }
      model.dispose();
    }
  },
);

const python = Deno.env.get("SHOWWORK_TRANSFORMERS_PYTHON");

Deno.test({
  name:
    "transformers opens what save() writes, merged and sharded, with the same logits (SHOWWORK_TRANSFORMERS_PYTHON names a Python with it)",
  ignore: !python,
  async fn() {
    await tf.setBackend("cpu");
    const names = ["gemma3", "gemma2", "qwen3", "qwen2", "llama"],
      folders: string[] = [],
      ours: number[][][] = [];
    const inputs = [[2, 7, 1, 8, 30, 12, 9, 40, 3], [5, 6]];
    for (const name of names) {
      const decoder = await loadCheckpoint(name, "config.json");
      const model = new CausalLM({ decoder, tokenizer: {} as Tokenizer, source: name, directory: null });
      model.addLora({ rank: 2 });
      for (const { name, variable } of decoder.parameters()) {
        if (name.includes("lora_B")) variable.assign(tf.tidy(() => tf.add(variable, 0.05)));
      }
      folders.push(join(root, `transformers-${name}`));
      await model.save(folders.at(-1)!, { maxShardBytes: 10_000, verify: false });
      ours.push(await Promise.all(inputs.map((row) => logitsOf(model, [row]))));
      model.dispose();
    }
    const theirs = await transformersLogits(folders, { python: python!, inputs });
    for (const [i, name] of names.entries()) {
      const files = weightsIn(folders[i]).length;
      assert.ok(files > 2);
      assert.deepEqual(theirs[i].problems, []);
      let worst = 0;
      theirs[i].logits.forEach((row, j) => {
        assert.equal(row.length, ours[i][j].length);
        row.forEach((value, k) => worst = Math.max(worst, Math.abs(value - ours[i][j][k])));
      });
      assert.ok(worst < 1e-4, `${name}: the largest difference is ${worst}`);
      console.log(
        `${name}: ${theirs[i].class}, ${files - 1} shards, largest difference ${worst.toExponential(1)}`,
      );
    }
  },
});
