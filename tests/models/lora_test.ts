import assert from "node:assert/strict";
import { ConfigError } from "../../lib/options/config_error.ts";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import type { CausalLM } from "../../lib/models/causal_lm.ts";
import { createModel } from "../../lib/models/create_model.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { addLora } from "../../lib/models/lora.ts";
import type { LoraOptions } from "../../lib/models/lora_options.ts";
import { linearModules, loraModules } from "../../lib/models/lora_modules.ts";
import { ModelFileError } from "../../lib/weights/model_file_error.ts";
import { readSafetensors, writeSafetensors } from "../../lib/weights/safetensors.ts";
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
      name: "default",
      rank: 16,
      alpha: 32,
      targets: "all",
      exclude: null,
      rankStabilized: false,
      dropout: 0,
      rankPattern: {},
      alphaPattern: {},
      seed: 1,
    });
    assert.deepEqual(logitsOf(model), plain);
    assert.equal(decoder.lora.size, 2 * 7);
    assert.equal(decoder.parameters().length, 2 * 2 * 7);
    assert.equal(decoder.lora.get("model.layers.0.mlp.up_proj")!.scale, 2);
    for (const [module, { a, b }] of decoder.lora) {
      const [out, width] = decoder.shape(`${module}.weight`);
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
      const [options, message] of [
        [{ rank: 0 }, /rank = 0 must be at least 1/],
        [{ rank: 1.5 }, /rank = 1.5 must be a whole number/],
        [{
          alpha: -1,
        }, /alpha = -1 must be above 0/],
        [{ r: 8 } as LoraOptions, /r = 8 is not an option; did you mean `rank`/],
        [{ targets: ["proj"] }, /no linear layer is called proj/],
        [
          { targets: "q_proj" },
          /no linear layer is called the pattern q_proj; .*held to the whole name/,
        ],
        [{ exclude: "all" }, /no linear layer/],
        [{ targets: "(" }, /LoRA pattern "\(": it is no regular/],
        [
          { targets: "(?P<a>q)_proj" },
          /\(\?P< means something in Python only/,
        ],
        [{ dropout: 1 }, /dropout = 1 must be below 1/],
        [{ name: "a/b" }, /name = "a\/b" must be letters/],
        [
          { rankPattern: { q_proj: 0 } },
          /rankPattern.q_proj = 0 must be at least 1/,
        ],
      ] as const
    ) {
      assert.throws(
        () => addLora(decoder, options as LoraOptions),
        (error) =>
          (error instanceof RangeError || error instanceof ConfigError) && message.test(error.message),
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
  logitsOf(source); // its rotary tables stay
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
    [(c) => c.rank_pattern = { q_proj: 4 }, /has A \[2,24\] and B \[32,2\], the model wants \[4,24\]/],
    [(c) => c.rank_pattern = { q_proj: "4" }, /rank_pattern must map patterns to numbers/],
    [(c) => c.rank_pattern = { "(": 4 }, /no regular expression/],
    [(c) => c.fan_in_fan_out = true, /fan_in_fan_out is true/],
    [(c) => c.init_lora_weights = "pissa", /init_lora_weights is "pissa"/],
    [(c) => c.lora_bias = true, /lora_bias is true/],
    [(c) => c.new_kind_of_scaling = 3, /new_kind_of_scaling is 3, a setting that is not known/],
    [(c) => c.target_modules = [1], /target_modules must be a list of names or a pattern, got \[1\]/],
    [(c) => c.r = "2", /r must be a number, got "2"/],
    [(c) => c.lora_dropout = 1.5, /dropout = 1.5 must be below 1/],
    [(_, t) => (t[name] as { data: Float32Array }).data[3] = NaN, /lora_A.weight holds NaN at 3/],
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
  await assert.rejects(model.saveAdapter(directory), /needs a model with one in use; call addLora first/);
  assert.deepEqual(logitsOf(model), base);
  source.dispose();
  model.dispose();
});

testOnCpu(
  "loraModules() chooses by ends of names, by patterns of whole names, and leaves out what is excluded",
  async () => {
    await startEngine({ threads: 1 });
    const decoder = tinyDecoder(tinyConfig), all = linearModules(decoder);
    assert.equal(all.length, 14);
    const chosen = (targets: string | string[], exclude: string | string[] | null = null) =>
      loraModules(decoder, { targets, exclude }).map((name) => name.replace("model.layers.", ""));
    assert.deepEqual(loraModules(decoder, { targets: "all-linear", exclude: null }), all);
    assert.deepEqual(chosen(["layers.1.mlp.up_proj", "0.self_attn.q_proj"]), [
      "0.self_attn.q_proj",
      "1.mlp.up_proj",
    ]);
    assert.deepEqual(chosen(".*\\.1\\..*(k|v)_proj"), ["1.self_attn.k_proj", "1.self_attn.v_proj"]);
    assert.deepEqual(
      chosen("all", ".*mlp.*|.*\\.0\\..*"),
      ["q", "k", "v", "o"].map((x) => `1.self_attn.${x}_proj`),
    );
    assert.deepEqual(chosen(["gate_proj", "up_proj"], ["layers.0.mlp.gate_proj"]), [
      "0.mlp.up_proj",
      "1.mlp.gate_proj",
      "1.mlp.up_proj",
    ]);
    decoder.dispose();
  },
);

testOnCpu("rankPattern and alphaPattern set single layers, and survive PEFT's format", async () => {
  await startEngine({ threads: 1 });
  const before = tf.memory().numTensors,
    options = {
      rank: 4,
      alpha: 8,
      targets: "model\\.layers\\.\\d\\.(self_attn|mlp)\\.(q|down)_proj",
      rankPattern: { "layers.1.self_attn.q_proj": 2, ".*down_proj": 3 },
      alphaPattern: { q_proj: 1 },
      dropout: 0.25,
    };
  const model = trained(options),
    scales = (some: CausalLM) =>
      Object.fromEntries(
        [...some.decoder.lora].map(([name, { a, scale, dropout }]) => [name, [a.shape[0], scale, dropout]]),
      );
  assert.deepEqual(scales(model), {
    "model.layers.0.self_attn.q_proj": [4, 0.25, 0.25],
    "model.layers.0.mlp.down_proj": [3, 8 / 3, 0.25],
    "model.layers.1.self_attn.q_proj": [2, 0.5, 0.25],
    "model.layers.1.mlp.down_proj": [3, 8 / 3, 0.25],
  });
  const directory = await Deno.makeTempDir({ dir: root }), again = create();
  await model.saveAdapter(directory);
  const config = JSON.parse(await Deno.readTextFile(join(directory, "adapter_config.json")));
  // a pattern would match blocks and norms in PEFT, too
  assert.deepEqual(config.target_modules, [...model.decoder.lora.keys()]);
  assert.equal(config.lora_dropout, 0.25);
  await again.loadAdapter(directory);
  assert.deepEqual(scales(again), scales(model));
  assert.deepEqual(logitsOf(again), logitsOf(model));
  for (const each of [model, again]) each.dispose();
  assert.equal(tf.memory().numTensors, before);
});

testOnCpu(
  "saveAdapter() names every layer in full where the targets alone would say something else",
  async () => {
    await startEngine({ threads: 1 });
    const model = trained({ rank: 2, targets: ["layers.1.self_attn.q_proj", "layers.0.mlp.up_proj"] }),
      directory = await Deno.makeTempDir({ dir: root });
    await model.saveAdapter(directory);
    const path = join(directory, "adapter_config.json"), config = JSON.parse(await Deno.readTextFile(path));
    // as PEFT writes an adapter on one layer of those that its targets name
    config.target_modules = ["q_proj", "up_proj"];
    config.layers_to_transform = [0, 1];
    await Deno.writeTextFile(path, JSON.stringify(config));
    const again = create();
    await again.loadAdapter(directory);
    await again.saveAdapter(directory);
    assert.deepEqual(JSON.parse(await Deno.readTextFile(path)).target_modules.sort(), [
      "model.layers.0.mlp.up_proj",
      "model.layers.1.self_attn.q_proj",
    ]);
    for (const each of [model, again]) each.dispose();
  },
);

testOnCpu(
  "useAdapter() switches adapters by name, the base between them, and dispose() gives all back",
  async () => {
    await startEngine({ threads: 1 });
    const before = tf.memory().numTensors,
      model = create(),
      base = logitsOf(model),
      bare = tf.memory().numTensors;
    const shift = (seed: number) => {
      for (const { b } of model.decoder.lora.values()) {
        tf.tidy(() => b.assign(tf.tensor2d(gaussian(b.size, seed).map((x) => x * 0.1), b.shape)));
      }
    };
    model.addLora({ name: "one", rank: 2 });
    shift(1);
    const one = logitsOf(model);
    model.addLora({ name: "two", rank: 3, targets: ["v_proj"] });
    shift(2);
    const two = logitsOf(model);
    assert.ok(largest(one, base) > 0.01 && largest(two, base) > 0.01 && largest(one, two) > 0.01);
    assert.deepEqual(model.adapters.map(({ name, active, rank, layers }) => [name, active, rank, layers]), [
      ["one", false, 2, 14],
      ["two", true, 3, 2],
    ]);
    assert.equal(model.adapters[1].parameters, 2 * 3 * (24 + 16));
    assert.match(Deno.inspect(model.adapters), /two +yes +3/);
    assert.deepEqual(model.decoder.parameters().map(({ variable }) => variable.shape), [
      [3, 24],
      [16, 3],
      [3, 24],
      [16, 3],
    ]);

    const directory = await Deno.makeTempDir({ dir: root });
    await model.saveAdapter(directory, { name: "one" });
    model.useAdapter("one");
    assert.deepEqual(logitsOf(model), one);
    assert.equal(model.lora!.name, "one");
    model.useAdapter(null);
    assert.deepEqual(logitsOf(model), base);
    assert.deepEqual([model.lora, model.decoder.parameters(), model.decoder.trainBase], [null, [], false]);
    await assert.rejects(
      model.saveAdapter(directory),
      /needs a model with one in use; .*name one of one, two/,
    );
    model.useAdapter("two");
    assert.deepEqual(logitsOf(model), two);
    await model.loadAdapter(directory, { name: "three" });
    assert.deepEqual(logitsOf(model), one);
    assert.throws(() => model.useAdapter("four"), /none called "four"; there are one, two, three/);
    assert.equal(model.adapter, "three");

    // merged and copied: the adapter in use alone
    const whole = join(directory, "whole");
    model.useAdapter("two");
    await model.save(whole);
    const merged = await loadModel(whole);
    assert.ok(largest(logitsOf(merged), two) < 1e-4);
    merged.dispose();

    model.addLora({ name: "two", rank: 1 });
    assert.deepEqual(logitsOf(model), base, "a replaced adapter begins anew");
    for (const name of ["one", "two", "three"]) model.removeAdapter(name);
    assert.equal(model.decoder.trainBase, true);
    assert.equal(tf.memory().numTensors, bare);
    model.addLora({ rank: 2 });
    model.dispose();
    assert.equal(tf.memory().numTensors, before);
  },
);
