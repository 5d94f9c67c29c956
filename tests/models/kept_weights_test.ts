import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { heapUse } from "../../lib/backend/shared_wasm.ts";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import type { CausalLM } from "../../lib/models/causal_lm.ts";
import { Decoder } from "../../lib/models/decoder.ts";
import { keptWeights } from "../../lib/models/kept_weights.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { parseModelConfig } from "../../lib/models/model_config.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { testOnWebgpu } from "../kernels/webgpu/on_webgpu.ts";

/** A decoder in float32 of the numbers that a model's matrices hold. */
async function rounded({ decoder, config }: CausalLM): Promise<Decoder> {
  const weights: [string, { shape: number[]; data: Float32Array }][] = [];
  for (const name of decoder.names) {
    weights.push([name, { shape: decoder.shape(name), data: await decoder.values(name) }]);
  }
  return new Decoder(config, weights);
}

const path = new URL("../../data/models/tiny-gemma", import.meta.url).pathname;

for (
  const [weights, most, share] of [["bfloat16", 0.01, 0.5], ["int8", 0.01, 0.28], ["q4", 0.2, 0.19]] as const
) {
  testOnCpu(
    `loadModel() keeps matrices in ${weights}: the logits of the rounded weights, in less memory`,
    async () => {
      await startEngine({ threads: 2 });
      const before = tf.memory().numBytes, whole = await loadModel({ path, weights: "float32" });
      const taken = tf.memory().numBytes - before, middle = tf.memory().numBytes;
      const few = await loadModel({ path, weights }), bytes = tf.memory().numBytes - middle;
      assert.ok(bytes / taken < share + 0.03 && bytes / taken > share - 0.03, `${bytes} of ${taken} bytes`);
      const name = "model.layers.0.mlp.up_proj.weight", exact = await whole.decoder.values(name);
      const size = Math.max(...exact.map(Math.abs)), near = await few.decoder.values(name);
      assert.ok(exact.every((value, i) => Math.abs(value - near[i]) <= most * size), "rounded too far");
      const same = await rounded(few), ids = [[5, 9, 200, 31], [7, 8]];
      const [found, expected] = [few.logits(ids), same.logits(ids)];
      const difference = tf.tidy(() => tf.max(tf.abs(tf.sub(found, expected))).dataSync()[0]);
      assert.ok(difference < 1e-4, `logits differ by ${difference}`);
      tf.dispose([found, expected]);
      for (const model of [whole, few, same]) model.dispose();
    },
  );
}

testOnCpu("loadModel() reads frozen weights straight to where they stay, outside tfjs's heap", async () => {
  const { wasm: { outer } } = await startEngine({ threads: 1 });
  for (const [weights, share] of [["float32", 4], ["bfloat16", 2], ["int8", 1.125], ["q4", 0.75]] as const) {
    const before = heapUse.peak = heapUse.bytes, held = outer.bytes;
    const model = await loadModel({ path, weights, lora: { rank: 1, targets: ["q_proj"] } });
    const matrices = model.decoder.names.map((name) => model.decoder.shape(name)).filter(({ length }) =>
      length === 2
    );
    const numbers = matrices.reduce((sum, [rows, columns]) => sum + rows * columns, 0);
    assert.ok(
      Math.abs((outer.bytes - held) / (share * numbers) - 1) < 0.02,
      `${weights}: ${outer.bytes - held}`,
    );
    // norms and the adapter
    assert.ok(heapUse.peak - before < 0.05 * numbers, `${weights}: ${heapUse.peak - before} of ${numbers}`);
    model.dispose();
    assert.equal(outer.bytes, held);
  }
});

testOnWebgpu(
  "loadModel() keeps matrices in few bits on webgpu too: the logits of the rounded weights",
  async () => {
    for (const weights of ["bfloat16", "int8", "q4"] as const) {
      const few = await loadModel({ path, weights }),
        same = await rounded(few),
        ids = [[5, 9, 200, 31], [7, 8]];
      const [found, expected] = [few.logits(ids), same.logits(ids)];
      const difference = tf.tidy(() => tf.max(tf.abs(tf.sub(found, expected)))),
        [value] = await difference.data();
      assert.ok(value < 1e-3, `${weights}: logits differ by ${value}`);
      tf.dispose([found, expected, difference]);
      for (const model of [few, same]) model.dispose();
    }
  },
);

testOnCpu(
  "keptWeights() takes a file's bits under an adapter, 16 where float32 would not fit, float32 to train",
  async () => {
    await startEngine({ threads: 1 });
    const small = parseModelConfig({
      model_type: "llama",
      num_hidden_layers: 1,
      hidden_size: 64,
      intermediate_size: 64,
      num_attention_heads: 2,
    });
    const large = parseModelConfig({ model_type: "llama", num_hidden_layers: 6 });
    const use = { weights: "auto", frozen: true, loraRank: 16, training: true, length: 128 } as const;
    assert.equal(keptWeights(small, use), "file");
    assert.equal(keptWeights({ ...large, layers: 60 }, use), "bfloat16");
    assert.equal(keptWeights(small, { ...use, frozen: false }), "float32");
    assert.equal(keptWeights(large, { ...use, weights: "q4" }), "q4");
  },
);
