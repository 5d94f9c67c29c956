import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { heapUse } from "../../lib/backend/shared_wasm.ts";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { keptActivations } from "../../lib/models/kept_activations.ts";
import { addLora } from "../../lib/models/lora.ts";
import { differentiable } from "../../lib/ops/differentiable.ts";
import { backward } from "../../lib/training/backward.ts";
import { TokenBatch } from "../../lib/training/token_batch.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { tinyConfig, tinyDecoder } from "../kernels/webgpu/tiny_decoder.ts";

testOnCpu(
  "differentiable() gives back what it saved and the gradient that came while the pass goes on",
  async () => {
    await startEngine();
    const held: number[] = [];
    const double = (x: tf.Tensor) =>
      differentiable([x], () => ({
        value: tf.mul(x, 2),
        saved: [x],
        gradients: (dy) => {
          held.push(heapUse.bytes);
          return [tf.mul(dy, 2)];
        },
      }));
    const x = tf.ones([1000]),
      { grads: [slope], value } = tf.valueAndGrads((x: tf.Tensor) => {
        let y = x;
        // as a layer's tidy would, so that only what was saved is left
        for (let i = 0; i < 8; i++) y = tf.tidy(() => double(y));
        return tf.sum(y);
      })([x]);
    assert.deepEqual([...slope.dataSync()], Array(1000).fill(256));
    assert.equal(held.length, 8);
    for (let i = 1; i < 8; i++) assert.ok(held[i] <= held[i - 1], `${held}`);
    tf.dispose([x, slope, value]);
  },
);

for (const postNorms of [false, true]) {
  testOnCpu(
    `a pass takes what keptActivations() counts, ${postNorms ? "with" : "without"} norms behind`,
    async () => {
      await startEngine();
      const layers = 8,
        config = {
          ...tinyConfig,
          layers,
          postNorms,
          vocabSize: 8,
          layerRope: Array(layers).fill(tinyConfig.layerRope[0]),
          layerWindows: Array(layers).fill(null),
        };
      const decoder = tinyDecoder(config);
      addLora(decoder, { rank: 2 });
      const batch = new TokenBatch([{ prompt: Array(40).fill(3), completion: Array(20).fill(4) }]);
      const pass = () =>
        backward(decoder, batch, ({ logprobs }) => ({ loss: 0, gradient: logprobs.map(() => 1) }));
      tf.dispose(Object.values((await pass()).gradients));
      const before = heapUse.peak = heapUse.bytes;
      tf.dispose(Object.values((await pass()).gradients));
      const counted = 4 * 60 * (layers + 1) * keptActivations(config),
        ratio = (heapUse.peak - before) / counted;
      assert.ok(ratio > 0.75 && ratio < 1.1, `took ${heapUse.peak - before} bytes, ${counted} counted`);
      batch.dispose();
      decoder.dispose();
    },
  );
}
