import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { setObserver } from "../../lib/display/observer.ts";
import { type HubFiles, id, withHub } from "../weights/local_hub.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { readJson } from "./load_checkpoint.ts";

const folder = join(import.meta.dirname!, "../fixtures/gguf");

for (const name of ["llama", "qwen2", "qwen3", "gemma2", "gemma3"]) {
  testOnCpu(`a GGUF file of ${name} gives transformers' logits of the same numbers`, async () => {
    await startEngine({ threads: 1 });
    const before = tf.memory().numTensors, model = await loadModel(join(folder, `${name}.gguf`));
    const { inputs, logits } = await readJson(join(folder, `${name}.json`));
    const ours = model.logits(inputs), width = model.config.vocabSize, [, longest] = ours.shape;
    const values = ours.dataSync();
    for (const [row, expected] of (logits as number[][]).entries()) {
      const worst = expected.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - values[row * longest * width + i])),
        0,
      );
      assert.ok(worst <= 1e-4, `sequence ${row}: off by ${worst}`);
    }
    ours.dispose();
    model.dispose();
    assert.equal(tf.memory().numTensors, before);
  });

  testOnCpu(
    `a GGUF file of ${name} encodes and decodes as transformers does with the same file`,
    async () => {
      await startEngine({ threads: 1 });
      const model = await loadModel(join(folder, `${name}.gguf`)), { tokenizer } = model;
      const { encoded, decoded } = await readJson(join(folder, `${name}.json`));
      for (const [text, ids] of Object.entries<number[]>(encoded)) {
        assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
        assert.equal(tokenizer.decode(ids), decoded[text], JSON.stringify(text));
      }
      model.dispose();
    },
  );
}

testOnCpu(
  "a model from a GGUF file is saved as a Hugging Face directory that is the same model",
  async () => {
    await startEngine({ threads: 1 });
    const directory = await Deno.makeTempDir();
    try {
      for (const name of ["llama", "gemma3"]) {
        const model = await loadModel(join(folder, `${name}.gguf`)), to = join(directory, name);
        await model.save(to);
        const again = await loadModel(to), { inputs, encoded } = await readJson(join(folder, `${name}.json`));
        const [ours, theirs] = [model, again].map((model) => model.logits(inputs));
        assert.deepEqual(theirs.dataSync(), ours.dataSync());
        for (const [text, ids] of Object.entries<number[]>(encoded)) {
          assert.deepEqual(
            again.tokenizer.encode(text),
            ids,
          );
        }
        assert.equal(again.tokenizer.chatTemplate, model.tokenizer.chatTemplate);
        assert.deepEqual(again.config, model.config);
        tf.dispose([ours, theirs]);
        model.dispose();
        again.dispose();
      }
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
);

testOnCpu("a split GGUF file is loaded by any of its parts, and refused when one is not there", async () => {
  await startEngine({ threads: 1 });
  const whole = await loadModel(join(folder, "qwen3.gguf"));
  const split = await loadModel(join(folder, "qwen3-00002-of-00003.gguf"));
  const { inputs } = await readJson(join(folder, "qwen3.json"));
  const [expected, ours] = [whole, split].map((model) => model.logits(inputs));
  assert.deepEqual(ours.dataSync(), expected.dataSync());
  assert.deepEqual(split.config, whole.config);
  tf.dispose([expected, ours]);
  whole.dispose();
  split.dispose();

  const directory = await Deno.makeTempDir();
  try {
    for (const part of [2, 3]) {
      const name = `qwen3-0000${part}-of-00003.gguf`;
      await Deno.copyFile(join(folder, name), join(directory, name));
    }
    const second = join(directory, "qwen3-00002-of-00003.gguf");
    await assert.rejects(loadModel(second), /qwen3-00001-of-00003\.gguf: there is no such file/);
    await Deno.copyFile(
      join(folder, "qwen3-00001-of-00003.gguf"),
      join(directory, "lost-00001-of-00001.gguf"),
    );
    await assert.rejects(
      loadModel(join(directory, "lost-00001-of-00001.gguf")),
      /split\.count says 3 parts, its name says 1; give it the name that it was made with, -00001-of-00003\.gguf/,
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

testOnCpu("a GGUF file below a folder of this machine is never asked of the hub", async () => {
  await withHub(() => undefined, async ({ options: { endpoint }, requests }) => {
    const before = Deno.env.get("HF_ENDPOINT");
    setObserver(null);
    Deno.env.set("HF_ENDPOINT", endpoint!);
    try {
      for (const path of ["tests/models/not_fetched/model.gguf", "tests/models/model.gguf"]) {
        await assert.rejects(loadModel(path), { message: `reading ${path}: there is no such file` });
      }
      assert.deepEqual(requests, []);
    } finally {
      if (before === undefined) Deno.env.delete("HF_ENDPOINT");
      else Deno.env.set("HF_ENDPOINT", before);
    }
  });
});

testOnCpu("a GGUF file of the hub is fetched with its other parts, once", async () => {
  await startEngine({ threads: 1 });
  const names = [1, 2, 3].map((part) => `qwen3-0000${part}-of-00003.gguf`), files: HubFiles = {};
  for (const name of names) files[name] = await Deno.readFile(join(folder, name));
  await withHub(() => undefined, async ({ options: { cache, endpoint }, requests }) => {
    const before = { HF_HUB_CACHE: Deno.env.get("HF_HUB_CACHE"), HF_ENDPOINT: Deno.env.get("HF_ENDPOINT") };
    setObserver(null);
    Deno.env.set("HF_HUB_CACHE", cache);
    Deno.env.set("HF_ENDPOINT", endpoint!);
    try {
      const model = await loadModel(`${id}/${names[1]}`);
      assert.equal(model.config.architecture, "qwen3");
      model.dispose();
      assert.equal(
        requests.filter(({ method, path }) => method === "GET" && path.includes("/resolve/")).length,
        3,
      );
    } finally {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) Deno.env.delete(name);
        else Deno.env.set(name, value);
      }
    }
  }, { files });
});
