import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { useBackend } from "../../lib/backend/use_backend.ts";
import { generate } from "../../lib/models/generate.ts";
import { checkpoints, loadCheckpoint, readJson } from "./load_checkpoint.ts";

const names = ["gemma3", "gemma2", "qwen3", "qwen2", "llama"];

interface Expected {
  inputs: number[][];
  /** Per input, flattened [length, vocabulary]. */
  logits: number[][];
  prompt: number[];
  greedy: number[];
}

const devices = [
  // Without a cache each token runs the whole sequence again, so that a few must do there.
  { on: " (reference)", count: 12, prepare: () => tf.setBackend("cpu") },
  { on: " (CPU kernels)", count: 64, prepare: () => useBackend({ backend: "cpu" }) },
];

for (const { on, count, prepare } of devices) {
  for (const name of names) {
    for (const config of ["config.json", "config.flat.json"]) {
      Deno.test(`logits() of ${name}, ${config}, are those of transformers to 1e-4${on}`, async () => {
        await prepare();
        const expected: Expected = await readJson(join(checkpoints, name, "expected.json"));
        const before = tf.memory().numTensors, decoder = await loadCheckpoint(name, config);
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

    Deno.test(`generate() decodes ${count} greedy tokens of ${name} as transformers does${on}`, async () => {
      await prepare();
      const expected: Expected = await readJson(join(checkpoints, name, "expected.json"));
      const decoder = await loadCheckpoint(name, "config.json");
      const options = { maxTokens: count, temperature: 0, eosIds: [] };
      // beside a longer prompt, so that the two rows stand at different positions
      const [own, other] = await generate(decoder, [expected.prompt, expected.inputs[0]], options);
      assert.deepEqual(own.tokens, expected.greedy.slice(0, count));
      assert.equal(other.tokens.length, count);
      decoder.dispose();
    });
  }
}
