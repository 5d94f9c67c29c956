import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import type { CausalLM } from "../../lib/models/causal_lm.ts";
import { createModel } from "../../lib/models/create_model.ts";
import type { DecoderConfig } from "../../lib/models/decoder_config.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { ModelFileError } from "../../lib/weights/model_file_error.ts";
import { readSafetensors, type TensorToWrite, writeSafetensors } from "../../lib/weights/safetensors.ts";
import { loadTokenizer } from "../../lib/text/tokenizer.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { plainConfig, tinyConfig } from "../kernels/webgpu/tiny_decoder.ts";

const embedded = join(import.meta.dirname!, "../../data/models/tiny-gemma"), root = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const tokenizer = await loadTokenizer(embedded), vocabSize = tokenizer.vocabularySize;
const rope = { base: 10_000, scaling: null };
const ids = [[2, 7, 1, 8], [11], [3, 1, 4, 1, 5, 9, 2, 6]];

const create = (seed: number, config = tinyConfig) =>
  createModel({ ...config, vocabSize }, { tokenizer, seed, standardDeviation: 0.2, directory: embedded });

function logitsOf(model: CausalLM): number[] {
  const logits = model.logits(ids), values = [...logits.dataSync()];
  logits.dispose();
  return values;
}

const same = (a: number[], b: number[]) => a.length === b.length && a.every((value, i) => value === b[i]);

/** A saved model, whose tensors `change` may alter. */
async function saved(
  name: string,
  change?: (tensors: Record<string, TensorToWrite>) => void,
): Promise<string> {
  const directory = join(root, name), model = create(1);
  await model.save(directory);
  model.dispose();
  if (change) {
    const path = join(directory, "model.safetensors"), { tensors } = await readSafetensors(path);
    change(tensors);
    await writeSafetensors(path, tensors, { format: "pt" });
  }
  return directory;
}

const rejects = (directory: string, message: RegExp) =>
  assert.rejects(loadModel(directory), (error) => {
    assert.ok(error instanceof ModelFileError, `${error}`);
    assert.match(error.message, message);
    return true;
  });

// what config.json of a family can say: Qwen2 has one rope and no caps
const saveable: [string, DecoderConfig][] = [
  ["Gemma 3", tinyConfig],
  ["Qwen2", { ...plainConfig, attentionSoftcap: null, finalSoftcap: null, layerRope: [rope, rope] }],
];
for (const [kind, config] of saveable) {
  testOnCpu(`loadModel() gives the logits of the model that save() wrote, to the bit: ${kind}`, async () => {
    await startEngine({ threads: 1 });
    const before = tf.memory().numTensors,
      model = create(4, config),
      directory = join(root, config.architecture);
    await model.save(directory);
    const loaded = await loadModel(directory);
    assert.ok(same(logitsOf(loaded), logitsOf(model)));
    assert.equal(loaded.parameterCount, model.parameterCount);
    model.dispose();
    loaded.dispose();
    assert.equal(tf.memory().numTensors, before);
  });
}

testOnCpu("save() over the model's own directory keeps it whole", async () => {
  await startEngine({ threads: 1 });
  const directory = await saved("twice"), first = await loadModel(directory), expected = logitsOf(first);
  await first.save(directory);
  first.dispose();
  const second = await loadModel(directory);
  assert.ok(same(logitsOf(second), expected));
  assert.equal(
    second.tokenizer.decode(second.tokenizer.encode("What is 3 + 4?"), { skipSpecial: true }),
    "What is 3 + 4?",
  );
  second.dispose();
});

testOnCpu("loadModel() reads 16-bit weights as the nearest floats they hold", async () => {
  await startEngine({ threads: 1 });
  for (const [dtype, tolerance] of [["BF16", 2 ** -8], ["F16", 2 ** -11]] as const) {
    const directory = await saved(dtype, (tensors) => {
      for (const tensor of Object.values(tensors)) tensor.dtype = dtype;
    });
    const full = create(1), half = await loadModel(directory);
    for (const name of full.decoder.names) {
      const [a, b] = [full, half].map((model) => model.decoder.weight<tf.Tensor>(name).dataSync());
      // half of the last place of a normal number, or of the smallest one
      a.forEach((value: number, i: number) =>
        assert.ok(
          Math.abs(value - b[i]) <= Math.abs(value) * tolerance + 2 ** -25,
          `${name}[${i}]: ${b[i]}, was ${value}`,
        )
      );
    }
    full.dispose();
    half.dispose();
  }
});

testOnCpu("loadModel() reads weights that an index spreads over files", async () => {
  await startEngine({ threads: 1 });
  const directory = await saved("sharded"),
    path = join(directory, "model.safetensors"),
    { tensors } = await readSafetensors(path);
  const whole = await loadModel(directory),
    expected = logitsOf(whole),
    weight_map: Record<string, string> = {},
    parts: Record<string, TensorToWrite>[] = [{}, {}];
  whole.dispose();
  Object.entries(tensors).forEach(([name, tensor], i) => {
    parts[i % 2][name] = tensor;
    weight_map[name] = `model-0000${i % 2 + 1}-of-00002.safetensors`;
  });
  await Deno.remove(path);
  for (const [i, part] of parts.entries()) {
    await writeSafetensors(join(directory, `model-0000${i + 1}-of-00002.safetensors`), part);
  }
  const index = join(directory, "model.safetensors.index.json");
  await Deno.writeTextFile(index, JSON.stringify({ metadata: {}, weight_map }));
  const sharded = await loadModel(directory);
  assert.ok(same(logitsOf(sharded), expected));
  sharded.dispose();

  await Deno.remove(join(directory, "model-00002-of-00002.safetensors"));
  await rejects(directory, /model-00002-of-00002\.safetensors: there is no such file/);
  await Deno.writeTextFile(index, JSON.stringify({ weight_map: { w: "../../etc/passwd.safetensors" } }));
  await rejects(directory, /no plain file name/);
  await Deno.writeTextFile(index, "{}");
  await rejects(directory, /has no weight_map/);
  await Deno.writeTextFile(index, "{");
  await rejects(directory, /index\.json is not JSON/);
});

testOnCpu("loadModel() names the file, the tensor and the rule, and leaves no tensor behind", async () => {
  await startEngine({ threads: 1 });
  const gate = "model.layers.1.mlp.gate_proj.weight",
    zeros = (...shape: number[]) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b)) });
  const cases: [string, (tensors: Record<string, TensorToWrite>) => void, RegExp][] = [
    [
      "shape",
      (t) => t[gate] = zeros(24, 40),
      /model\.safetensors: tensor model\.layers\.1\.mlp\.gate_proj\.weight has the shape \[24,40\], the configuration wants \[40,24\]/,
    ],
    [
      "missing",
      (t) => delete t[gate],
      /"model\.layers\.1\.mlp\.gate_proj\.weight" of shape \[40,24\] is missing/,
    ],
    [
      "stray",
      (t) => t["model.layers.2.mlp.gate_proj.weight"] = zeros(40, 24),
      /"model\.layers\.2\.mlp\.gate_proj\.weight" has no place/,
    ],
    ["nan", (t) => t[gate].data[7] = NaN, /gate_proj\.weight holds NaN at 7; the weights are damaged/],
    ["infinite", (t) => t[gate].data[0] = -Infinity, /gate_proj\.weight holds -Infinity at 0/],
    [
      "integers",
      (t) => t[gate] = { shape: [40, 24], data: new Int32Array(960) },
      /gate_proj\.weight holds I32, which is not supported for weights; supported: F32, F64, F16, BF16/,
    ],
  ];
  const before = tf.memory().numTensors;
  for (const [name, change, message] of cases) await rejects(await saved(name, change), message);

  const cut = await saved("cut"), path = join(cut, "model.safetensors"), { size } = await Deno.stat(path);
  for (const length of [size - 1, size - 4000, 300, 9, 4, 0]) {
    await Deno.truncate(path, length);
    await rejects(cut, /model\.safetensors: .*(cut short|at least 8 bytes)/);
  }
  await Deno.remove(path);
  await rejects(cut, /model\.safetensors: there is no such file/);
  await Deno.writeTextFile(join(cut, "config.json"), "{");
  await rejects(cut, /config\.json is not JSON/);
  await Deno.remove(join(cut, "config.json"));
  await rejects(cut, /config\.json is missing; give a directory/);
  assert.equal(tf.memory().numTensors, before);
});
