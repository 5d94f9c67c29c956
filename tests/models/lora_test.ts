import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import type { CausalLM } from "../../lib/models/causal_lm.ts";
import { createModel } from "../../lib/models/create_model.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { addLora, type LoraOptions } from "../../lib/models/lora.ts";
import { ModelFileError } from "../../lib/models/model_file_error.ts";
import { readSafetensors, writeSafetensors } from "../../lib/models/safetensors.ts";
import { loadTokenizer } from "../../lib/text/tokenizer.ts";
import { gaussian, testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { tinyConfig, tinyDecoder } from "../kernels/webgpu/tiny_decoder.ts";

const embedded = join(import.meta.dirname!, "../../data/models/tiny-gemma"), root = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const tokenizer = await loadTokenizer(embedded);
const config = { ...tinyConfig, vocabSize: tokenizer.vocabularySize };

const create = () => createModel(config, { tokenizer, seed: 4, standardDeviation: 0.2, directory: embedded });

function logitsOf(model: Pick<CausalLM, "logits">): number[] {
  const logits = model.logits([[2, 7, 1, 8], [11]]), values = [...logits.dataSync()];
  logits.dispose();
  return values;
}

const largest = (a: number[], b: number[]) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

/** A model whose adapter was moved off its start, as by training. */
function trained(options: LoraOptions): CausalLM {
  const model = create();
  model.addLora(options);
  for (const { b } of model.decoder.lora.values()) {
    tf.tidy(() => b.assign(tf.tensor2d(gaussian(b.size, 3).map((x) => x * 0.1), b.shape)));
  }
  return model;
}

testOnCpu(
  "addLora() changes no logit at first, trains its matrices alone, and scales by alpha over rank",
  async () => {
    await startEngine({ threads: 1 });
    const decoder = tinyDecoder(tinyConfig),
      model = { logits: (ids: number[][]) => decoder.logits(ids) },
      plain = logitsOf(model);
    assert.deepEqual(addLora(decoder, {}), {
      rank: 16,
      alpha: 32,
      targets: "all",
      rankStabilized: false,
      seed: 1,
    });
    assert.deepEqual(logitsOf(model), plain);
    assert.equal(decoder.lora.size, 2 * 7);
    assert.equal(decoder.parameters().length, 2 * 2 * 7);
    assert.equal(decoder.lora.get("model.layers.0.mlp.up_proj")!.scale, 2);
    for (const [module, { a, b }] of decoder.lora) {
      const [out, width] = decoder.weight(`${module}.weight`).shape;
      assert.deepEqual([a.shape, b.shape], [[16, width], [out, 16]]);
      assert.ok(b.dataSync().every((x) => x === 0));
      const values = [...a.dataSync()],
        bound = 1 / Math.sqrt(width),
        variance = values.reduce((sum, x) => sum + x * x, 0) / values.length;
      assert.ok(
        values.every((x) => Math.abs(x) <= bound) && Math.abs(variance / (bound * bound / 3) - 1) < 0.2,
        `${module}: variance ${variance}`,
      );
    }
    addLora(decoder, { rank: 4, alpha: 6, targets: ["q_proj", "down_proj"], rankStabilized: true });
    assert.deepEqual(
      [...decoder.lora.keys()].sort(),
      [0, 1].flatMap((i) => [`model.layers.${i}.mlp.down_proj`, `model.layers.${i}.self_attn.q_proj`]).sort(),
    );
    assert.equal(decoder.lora.get("model.layers.1.mlp.down_proj")!.scale, 3);
    for (
      const [options, message] of [[{ rank: 0 }, /whole rank above 0, got 0/], [{ rank: 1.5 }, /got 1.5/], [{
        alpha: -1,
      }, /alpha above 0, got -1/], [{ targets: ["proj"] }, /no linear layer is called proj/]] as const
    ) {
      assert.throws(
        () => addLora(decoder, options as LoraOptions),
        (error) => error instanceof RangeError && message.test(error.message),
      );
    }
    decoder.dispose();
  },
);

for (
  const options of [{ rank: 3 }, {
    rank: 2,
    alpha: 5,
    targets: ["v_proj", "gate_proj"],
    rankStabilized: true,
  }]
) {
  testOnCpu(
    `saveAdapter() and loadAdapter() keep the logits to the bit, save() merges them: ${
      JSON.stringify(options)
    }`,
    async () => {
      await startEngine({ threads: 1 });
      const before = tf.memory().numTensors,
        model = trained(options),
        expected = logitsOf(model),
        directory = await Deno.makeTempDir({ dir: root });
      const plain = create(), base = logitsOf(plain);
      assert.ok(largest(expected, base) > 0.05);
      await model.saveAdapter(directory);
      await plain.loadAdapter(directory);
      assert.deepEqual(logitsOf(plain), expected);
      assert.equal(plain.lora!.rank, options.rank);
      assert.equal(plain.decoder.trainBase, false);
      assert.deepEqual(
        plain.decoder.parameters().map(({ name }) => name).sort(),
        model.decoder.parameters().map(({ name }) => name).sort(),
      );

      const whole = join(directory, "whole");
      await model.save(whole);
      const merged = await loadModel(whole);
      assert.ok(largest(logitsOf(merged), expected) < 1e-4);
      const frozen = await model.decoder.copy();
      assert.ok(largest(logitsOf({ logits: (ids) => frozen.logits(ids) }), expected) < 1e-4);
      const viaOptions = await loadModel({ path: whole, adapter: directory });
      assert.ok(largest(logitsOf(viaOptions), expected) > 1e-3, "the adapter counts twice on merged weights");
      for (const each of [model, plain, merged, viaOptions]) each.dispose();
      frozen.dispose();
      assert.equal(tf.memory().numTensors, before);
    },
  );
}

testOnCpu("loadAdapter() names what does not fit and leaves the model as it was", async () => {
  await startEngine({ threads: 1 });
  const source = trained({ rank: 2, targets: ["q_proj"] }),
    model = create(),
    base = logitsOf(model),
    directory = join(root, "damaged");
  const before = tf.memory().numTensors,
    path = join(directory, "adapter_config.json"),
    weights = join(directory, "adapter_model.safetensors");
  type Config = Record<string, unknown>;
  type Tensors = Parameters<typeof writeSafetensors>[1];
  const name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
  const cases: [(config: Config, tensors: Tensors) => void, RegExp][] = [
    [(c) => c.peft_type = "IA3", /peft_type is "IA3"/],
    [(c) => c.use_dora = true, /use_dora is true/],
    [(c) => c.bias = "all", /bias is "all"/],
    [(c) => c.modules_to_save = ["lm_head"], /modules_to_save/],
    [(c) => c.rank_pattern = { q_proj: 4 }, /rank_pattern is set/],
    [(c) => c.r = 3, /has A \[2,24\] and B \[32,2\], the model wants \[3,24\] and \[32,3\]/],
    [(_, t) => delete t[name], /lora_B\.weight is not part of a LoRA pair/],
    [(_, t) => delete t[name.replace("lora_A", "lora_B")], /lora_B\.weight is missing/],
    [(_, t) => t[name.replace("layers.0", "layers.9")] = t[name], /belongs to no linear layer of this model/],
    [(_, t) => Object.keys(t).forEach((key) => delete t[key]), /hold no LoRA pair/],
  ];
  for (const [change, message] of cases) {
    await source.saveAdapter(directory);
    const config = JSON.parse(await Deno.readTextFile(path)), { tensors } = await readSafetensors(weights);
    change(config, tensors);
    await Deno.writeTextFile(path, JSON.stringify(config));
    await writeSafetensors(weights, tensors);
    await assert.rejects(model.loadAdapter(directory), (error) => {
      assert.ok(error instanceof ModelFileError, `${error}`);
      assert.match(error.message, message);
      return true;
    });
    assert.equal(tf.memory().numTensors, before, `${message}: tensors left behind`);
  }
  await Deno.writeTextFile(path, "{");
  await assert.rejects(model.loadAdapter(directory), /adapter_config\.json: it is not JSON/);
  await assert.rejects(model.loadAdapter(join(root, "nowhere")), /there is no such file/);
  await assert.rejects(model.saveAdapter(directory), /needs a model with one; call addLora first/);
  assert.deepEqual(logitsOf(model), base);
  source.dispose();
  model.dispose();
});
