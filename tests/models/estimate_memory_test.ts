import assert from "node:assert/strict";
import { estimateMemory } from "../../lib/models/estimate_memory.ts";
import { parseModelConfig } from "../../lib/models/model_config.ts";

const gemma = (fields: Record<string, number>) =>
  parseModelConfig({ model_type: "gemma3_text", vocab_size: 262144, ...fields });
const small = gemma({
  hidden_size: 640,
  intermediate_size: 2048,
  num_hidden_layers: 18,
  num_attention_heads: 4,
  num_key_value_heads: 1,
});
const medium = gemma({
  hidden_size: 1152,
  intermediate_size: 6912,
  num_hidden_layers: 26,
  num_attention_heads: 4,
  num_key_value_heads: 1,
});

Deno.test("estimateMemory() counts weights, adapter, moments and cache", () => {
  const found = estimateMemory(small, { loraRank: 16, training: true, batchSize: 2, length: 100 });
  assert.equal(found.weights, 4 * 268_098_176);
  // q 640+1024, k and v 640+256 each, o 1024+640, gate and up 640+2048 each, down 2048+640: 13184 a layer
  assert.equal(found.adapter, 4 * 16 * 18 * 13_184);
  assert.equal(found.optimizer, 3 * found.adapter);
  assert.equal(found.cache, 4 * 2 * 100 * 18 * 2 * 256);
  assert.equal(
    found.total,
    found.weights + found.adapter + found.optimizer + found.workspace +
      Math.max(found.cache, found.activations),
  );
  // 200 rows of logits and 16 MB; of more rows 268 MB
  assert.equal(found.workspace, 4 * 262_144 * 200 + 2 ** 24);
  assert.match(estimateMemory(small, { limit: Infinity }).message, /workspace 0\.29 GB\)$/);
});

Deno.test("estimateMemory() says that 270M fits into a wasm heap with LoRA, 1B beside it, and that full training does not", () => {
  assert.equal(estimateMemory(small, { loraRank: 16, training: true }).fits, true);
  const full = estimateMemory(small, { training: true });
  assert.equal(full.fits, false);
  assert.match(
    full.message,
    /268\.1 M parameters takes about .* there are 4\.29 GB: train a LoRA adapter instead/,
  );
  const use = { loraRank: 16, training: true }, large = estimateMemory(medium, { ...use, limit: 2 ** 32 });
  assert.equal(large.fits, false);
  assert.match(large.message, /choose a smaller model/);
  // frozen weights are counted apart, as the CPU keeps them
  const apart = estimateMemory(medium, use);
  assert.equal(apart.fits, true);
  assert.match(apart.message, /it fits into 4\.29 GB and 34\.36 GB for frozen weights$/);
  const batch = estimateMemory(medium, { ...use, batchSize: 16 });
  assert.equal(batch.fits, false);
  assert.match(batch.message, /one sequence at a time fits, and sft and grpo cut their batches/);
  assert.equal(estimateMemory(medium, { weightBytes: 2 }).weights, 2 * 999_885_952);
  assert.throws(() => estimateMemory(small, { length: 0 }), /length must be a whole number from 1, not 0/);
});
