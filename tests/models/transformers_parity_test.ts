import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { useBackend } from "../../lib/backend/use_backend.ts";
import { Decoder } from "../../lib/models/decoder.ts";
import { generate } from "../../lib/models/generate.ts";
import { parseModelConfig } from "../../lib/models/model_config.ts";
import { findParameters, parameterNames } from "../../lib/models/parameter_names.ts";
import { SafetensorsFile } from "../../lib/models/safetensors.ts";

// Made by tests/fixtures/make_checkpoints.py with transformers in float32 and eager attention.
const root = join(import.meta.dirname!, "../fixtures/checkpoints");
const names = ["gemma3", "gemma2", "qwen3", "qwen2", "llama"];

interface Expected {
  inputs: number[][];
  /** Per input, flattened [length, vocabulary]. */
  logits: number[][];
  prompt: number[];
  greedy: number[];
}

const json = async (path: string) => JSON.parse(await Deno.readTextFile(path));

async function load(name: string, config: string): Promise<Decoder> {
  const directory = join(root, name), parsed = parseModelConfig(await json(join(directory, config)));
  const files: SafetensorsFile[] = [];
  try {
    for (const { name } of Deno.readDirSync(directory)) {
      if (name.endsWith(".safetensors")) files.push(await SafetensorsFile.open(join(directory, name)));
    }
    const found = findParameters(parsed, {
      names: files.flatMap(({ tensors }) => [...tensors.keys()]),
      where: name,
    });
    const weights: [string, { shape: number[]; data: Float32Array }][] = [];
    for (const { name, shape } of parameterNames(parsed)) {
      const stored = found.get(name)!, file = files.find(({ tensors }) => tensors.has(stored))!;
      const { data, shape: storedShape } = await file.read(stored);
      assert.deepEqual(storedShape, shape, name);
      weights.push([name, { shape, data: data as Float32Array }]);
    }
    return new Decoder(parsed, weights);
  } finally {
    for (const file of files) file.close();
  }
}

const devices = [
  { on: "", prepare: () => tf.setBackend("cpu") },
  { on: " (CPU kernels)", prepare: () => useBackend({ backend: "cpu" }) },
];

for (const { on, prepare } of devices) {
  for (const name of names) {
    for (const config of ["config.json", "config.flat.json"]) {
      Deno.test(`logits() of ${name}, ${config}, are those of transformers to 1e-4${on}`, async () => {
        await prepare();
        const expected: Expected = await json(join(root, name, "expected.json"));
        const before = tf.memory().numTensors, decoder = await load(name, config);
        const logits = decoder.logits(expected.inputs), [, longest, vocabulary] = logits.shape;
        const values = await logits.data();
        logits.dispose();
        let worst = 0;
        expected.inputs.forEach(({ length }, row) => {
          assert.equal(expected.logits[row].length, length * vocabulary);
          expected.logits[row].forEach((value, i) => {
            worst = Math.max(worst, Math.abs(value - values[row * longest * vocabulary + i]));
          });
        });
        assert.ok(worst < 1e-4, `the largest difference is ${worst}`);
        decoder.dispose();
        assert.equal(tf.memory().numTensors, before);
      });
    }

    Deno.test(`generate() decodes 64 greedy tokens of ${name} as transformers does${on}`, async () => {
      await prepare();
      const expected: Expected = await json(join(root, name, "expected.json"));
      const decoder = await load(name, "config.json");
      const options = { maxTokens: 64, temperature: 0, eosIds: [] };
      // beside a longer prompt, so that the two rows stand at different positions
      const [own, other] = await generate(decoder, [expected.prompt, expected.inputs[0]], options);
      assert.deepEqual(own.tokens, expected.greedy);
      assert.equal(other.tokens.length, 64);
      decoder.dispose();
    });
  }
}
