import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs-core";
import { join } from "node:path";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import type { CausalLM } from "../../lib/models/causal_lm.ts";
import { createModel } from "../../lib/models/create_model.ts";
import type { DecoderConfig } from "../../lib/models/decoder_config.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { loadTokenizer } from "../../lib/text/tokenizer.ts";
import { ModelFileError } from "../../lib/weights/model_file_error.ts";
import { readSafetensors, writeSafetensors } from "../../lib/weights/safetensors.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { plainConfig } from "../kernels/webgpu/tiny_decoder.ts";

// Checkpoints as people find them: each holds something that a careful writer would not have left.

const embedded = join(import.meta.dirname!, "../../data/models/tiny-gemma"), root = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const tokenizer = await loadTokenizer(embedded), vocabSize = tokenizer.vocabularySize;
const rope = { base: 10_000, scaling: null };
const untied: DecoderConfig = {
  ...plainConfig,
  vocabSize,
  attentionSoftcap: null,
  finalSoftcap: null,
  layerRope: [rope, rope],
  tiedEmbeddings: false,
};
const ids = [[2, 7, 1, 8], [11]];

const json = async (path: string) => JSON.parse(await Deno.readTextFile(path));

async function changeJson(path: string, change: Record<string, unknown>): Promise<void> {
  await Deno.writeTextFile(path, JSON.stringify({ ...await json(path), ...change }));
}

/** A saved model in a folder of its own. */
async function saved(name: string, config = untied): Promise<string> {
  const directory = join(root, name);
  const model = createModel(config, { tokenizer, seed: 4, standardDeviation: 0.2, directory: embedded });
  await model.save(directory);
  model.dispose();
  return directory;
}

function logitsOf(model: CausalLM): Float32Array {
  const logits = model.logits(ids), values = logits.dataSync().slice();
  logits.dispose();
  return values as Float32Array;
}

async function logitsIn(directory: string): Promise<Float32Array> {
  const before = tf.memory().numTensors, model = await loadModel(directory), values = logitsOf(model);
  model.dispose();
  assert.equal(tf.memory().numTensors, before);
  return values;
}

const rejects = (work: Promise<unknown>, message: RegExp) =>
  assert.rejects(work, (error) => {
    assert.ok(error instanceof ModelFileError, `${error}`);
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /damaged|fetch it again/);
    return true;
  });

/** Puts tensors of any type beside those of a file, their bytes all 1. */
async function addRaw(
  path: string,
  added: Record<string, { dtype: string; shape: number[]; bytes: number }>,
) {
  const file = await Deno.readFile(path), length = Number(new DataView(file.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))),
    data = file.subarray(8 + length);
  let at = data.length;
  for (const [name, { dtype, shape, bytes }] of Object.entries(added)) {
    header[name] = { dtype, shape, data_offsets: [at, at += bytes] };
  }
  const text = new TextEncoder().encode(JSON.stringify(header)), whole = new Uint8Array(8 + text.length + at);
  new DataView(whole.buffer).setBigUint64(0, BigInt(text.length), true);
  whole.set(text, 8);
  whole.set(data, 8 + text.length);
  whole.fill(1, 8 + text.length + data.length);
  await Deno.writeFile(path, whole);
}

testOnCpu("a stored head that differs from the embedding counts, whatever config.json ties", async () => {
  await startEngine({ threads: 1 });
  const directory = await saved("own-head"), expected = await logitsIn(directory);
  await changeJson(join(directory, "config.json"), { tie_word_embeddings: true });
  assert.deepEqual(await logitsIn(directory), expected);
  const model = await loadModel(directory), again = join(root, "own-head-again");
  await model.save(again);
  model.dispose();
  assert.equal((await json(join(again, "config.json"))).tie_word_embeddings, false);
  assert.deepEqual(await logitsIn(again), expected);
});

testOnCpu("a stored head that is the embedding stays tied, in one file or in two", async () => {
  await startEngine({ threads: 1 });
  const directory = await saved("same-head", { ...untied, tiedEmbeddings: true });
  const path = join(directory, "model.safetensors"), expected = await logitsIn(directory);
  const { tensors } = await readSafetensors(path),
    head = tensors["model.embed_tokens.weight"];
  await writeSafetensors(path, { ...tensors, "lm_head.weight": head });
  const model = await loadModel(directory);
  assert.equal(model.config.tiedEmbeddings, true);
  assert.deepEqual(logitsOf(model), expected);
  model.dispose();

  const names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
  await writeSafetensors(join(directory, names[0]), tensors);
  await writeSafetensors(join(directory, names[1]), { "lm_head.weight": head });
  await Deno.remove(path);
  const weight_map = {
    ...Object.fromEntries(Object.keys(tensors).map((name) => [name, names[0]])),
    "lm_head.weight": names[1],
  };
  await Deno.writeTextFile(join(directory, "model.safetensors.index.json"), JSON.stringify({ weight_map }));
  assert.deepEqual(await logitsIn(directory), expected);
});

testOnCpu("a whole file comes before an index of parts that are gone", async () => {
  await startEngine({ threads: 1 });
  const directory = await saved("stale-index"), expected = await logitsIn(directory);
  await Deno.writeTextFile(
    join(directory, "model.safetensors.index.json"),
    JSON.stringify({ weight_map: { "model.norm.weight": "model-00001-of-00002.safetensors" } }),
  );
  assert.deepEqual(await logitsIn(directory), expected);
});

testOnCpu("buffers of any type that is no weight are passed over", async () => {
  await startEngine({ threads: 1 });
  const directory = await saved("buffers"), expected = await logitsIn(directory);
  await addRaw(join(directory, "model.safetensors"), {
    "model.position_ids": { dtype: "I64", shape: [1, 4], bytes: 32 },
    "model.layers.0.self_attn.rotary_emb.inv_freq": { dtype: "F64", shape: [2], bytes: 16 },
    "model.layers.0.self_attn.bias": { dtype: "BOOL", shape: [1, 1, 2, 2], bytes: 4 },
    "model.layers.1.self_attn.bias": { dtype: "U8", shape: [4], bytes: 4 },
    "model.causal_mask": { dtype: "I8", shape: [4], bytes: 4 },
    "vision_tower.scale": { dtype: "F8_E4M3", shape: [4], bytes: 4 },
    "vision_tower.odd": { dtype: "F4", shape: [6], bytes: 3 },
  });
  assert.deepEqual(await logitsIn(directory), expected);
  await addRaw(join(directory, "model.safetensors"), {
    "model.extra": { dtype: "F16", shape: [2], bytes: 4 },
  });
  await rejects(loadModel(directory), /"model\.extra" has no place/);
});

testOnCpu("weights of 64 bits are read, those of 8 refused by their type and not as damage", async () => {
  await startEngine({ threads: 1 });
  const directory = await saved("types"),
    path = join(directory, "model.safetensors"),
    expected = await logitsIn(directory);
  const { tensors } = await readSafetensors(path), name = "model.layers.1.mlp.down_proj.weight";
  const { [name]: down, ...rest } = tensors, count = down.data.length;
  await writeSafetensors(path, rest);
  await addRaw(path, { [name]: { dtype: "F64", shape: [...down.shape], bytes: 8 * count } });
  const bytes = await Deno.readFile(path);
  bytes.set(new Uint8Array(new Float64Array(down.data).buffer), bytes.length - 8 * count);
  await Deno.writeFile(path, bytes);
  assert.deepEqual(await logitsIn(directory), expected);

  for (const dtype of ["F8_E4M3", "F8_E5M2", "I8"]) {
    await writeSafetensors(path, rest);
    await addRaw(path, { [name]: { dtype, shape: [...down.shape], bytes: count } });
    await rejects(
      loadModel(directory),
      new RegExp(`tensor ${name.replaceAll(".", "\\.")} holds ${dtype}, which is not supported`),
    );
  }
});

testOnCpu("token ids of -1 say none", async () => {
  await startEngine({ threads: 1 });
  const directory = await saved("minus-one"), expected = await logitsIn(directory);
  for (const name of ["config.json", "generation_config.json"]) {
    await changeJson(join(directory, name), { pad_token_id: -1, bos_token_id: -1, eos_token_id: [-1, 5] });
  }
  const model = await loadModel(directory);
  assert.deepEqual([model.config.padId, model.config.bosId], [null, null]);
  assert.ok(model.config.eosIds.includes(5) && !model.config.eosIds.includes(-1));
  assert.deepEqual(logitsOf(model), expected);
  model.dispose();
  await changeJson(join(directory, "config.json"), { eos_token_id: -1 });
  (await loadModel(directory)).dispose();
  await changeJson(join(directory, "config.json"), { pad_token_id: -2 });
  await rejects(loadModel(directory), /"pad_token_id" must hold token ids \(whole numbers from 0\), not -2/);
});

testOnCpu(
  "weights and adapters in PyTorch's own format are refused with the way to convert them",
  async () => {
    await startEngine({ threads: 1 });
    const directory = await saved("pickle"), adapter = join(root, "pickle-adapter");
    const model = await loadModel(directory);
    model.addLora({ rank: 2 });
    await model.saveAdapter(adapter);
    await Deno.rename(join(adapter, "adapter_model.safetensors"), join(adapter, "adapter_model.bin"));
    await rejects(
      model.loadAdapter(adapter),
      /its weights are adapter_model\.bin, which can run code.*save_file/,
    );
    model.dispose();
    await Deno.rename(join(directory, "model.safetensors"), join(directory, "pytorch_model.bin"));
    await rejects(
      loadModel(directory),
      /holds its weights as pytorch_model\.bin, which can run code.*save_pretrained/,
    );
  },
);

Deno.test("special_tokens_map.json counts beside a configuration that lists no added tokens, and fills others", async () => {
  const directory = join(root, "tokens");
  await Deno.mkdir(directory);
  await Deno.copyFile(join(embedded, "tokenizer.json"), join(directory, "tokenizer.json"));
  const write = (name: string, value: unknown) =>
    Deno.writeTextFile(join(directory, name), JSON.stringify(value));
  await write("special_tokens_map.json", {
    bos_token: { content: "<bos>", lstrip: false, normalized: false, rstrip: false, single_word: false },
    eos_token: "<eos>",
  });
  await write("tokenizer_config.json", { eos_token: "<end_of_turn>" });
  assert.deepEqual((await loadTokenizer(directory)).specialTokens, {
    bos_token: "<bos>",
    eos_token: "<eos>",
  });
  await write("tokenizer_config.json", {
    added_tokens_decoder: {},
    bos_token: null,
    eos_token: "<end_of_turn>",
  });
  const { specialTokens } = await loadTokenizer(directory);
  assert.deepEqual(specialTokens, { bos_token: "<bos>", eos_token: "<end_of_turn>" });
  await Deno.writeTextFile(join(directory, "special_tokens_map.json"), "{");
  await assert.rejects(loadTokenizer(directory), /special_tokens_map\.json is not JSON/);
});
