import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { generate } from "../../lib/generation/generate.ts";
import { checkpoints, loadCheckpoint, readJson } from "./load_checkpoint.ts";

// gemma3_multimodal: the text half of a Gemma 3 with a vision tower, whose tensors are called language_model.model.…
const names = ["gemma3", "gemma3_multimodal", "gemma2", "qwen3", "qwen2", "llama"];
// SHOWWORK_FIGURES prints the table of the differences.
const figures = Deno.env.get("SHOWWORK_FIGURES");

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
        if (figures) console.log(`| ${name} | ${config} |${on} | ${worst.toExponential(1)} |`);
        decoder.dispose();
        assert.equal(tf.memory().numTensors, before);
      });
    }

    Deno.test(`generate() decodes ${count} greedy tokens of ${name} as transformers does${on}`, async () => {
      await prepare();
      const expected: Expected = await readJson(join(checkpoints, name, "expected.json"));
      assert.equal(expected.greedy.length, 64);
      // both generations describe the same model, so that one is enough where every token runs the whole sequence again
      for (const config of count === 64 ? ["config.json", "config.flat.json"] : ["config.json"]) {
        const decoder = await loadCheckpoint(name, config);
        const options = { maxTokens: count, temperature: 0, eosIds: [] };
        // beside a longer prompt, so that the two rows stand at different positions
        const [own, other] = await generate(decoder, [expected.prompt, expected.inputs[0]], options);
        assert.deepEqual(own.tokens, expected.greedy.slice(0, count), config);
        assert.equal(other.tokens.length, count);
        decoder.dispose();
      }
    });
  }
}
