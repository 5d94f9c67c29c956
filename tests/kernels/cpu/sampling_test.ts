import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { counterGumbel } from "../../../lib/random/counter_random.ts";
import { startEngine } from "../../../lib/kernels/cpu/engine.ts";
import { samplingFloor } from "../../../lib/kernels/sampling_floor.ts";
import { gaussian, testOnCpu } from "./on_cpu.ts";

testOnCpu("gumbel() of kernels.wasm is counterGumbel() rounded to float32", async () => {
  const { kernels } = await startEngine({ threads: 1 });
  let different = 0, count = 0;
  for (const seed of [0, 1, 7, 0x7fffffff, 0x80000000, 0xffffffff]) {
    for (const counter of [0, 1, 511, 100_000]) {
      for (let index = 0; index < 400; index++) {
        const expected = Math.fround(counterGumbel(seed, counter, index)),
          actual = kernels.gumbel(seed | 0, counter, index);
        // a last-place difference in ln may round the other way, rarely
        assert.ok(
          Math.abs(actual - expected) <= 4e-7 * Math.max(1, Math.abs(expected)),
          `${seed} ${counter} ${index}: ${actual}, expected ${expected}`,
        );
        if (actual !== expected) different++;
        count++;
      }
    }
  }
  assert.ok(different < count / 1000, `${different} of ${count} differ in the last place`);
});

testOnCpu("gumbelArgmax() takes the arg max of scaled logits plus noise above the floor", async () => {
  const engine = await startEngine({ threads: 1 }), { kernels } = engine;
  for (const [vocabulary, spread] of [[1, 1], [2, 1], [37, 0.1], [37, 3], [500, 8]]) {
    const logits = gaussian(vocabulary, vocabulary).map((x) => x * spread),
      tensor = tf.tensor1d(logits),
      at = engine.at(tensor);
    for (const beta of [Math.fround(1 / 0.7), Math.fround(0.2)]) {
      for (
        const filter of [{ topK: 0, topP: 1, minP: 0 }, { topK: 3, topP: 1, minP: 0 }, {
          topK: 0,
          topP: 0.6,
          minP: 0,
        }, { topK: 0, topP: 1, minP: 0.3 }]
      ) {
        const floor = samplingFloor(logits, beta, filter);
        for (let counter = 0; counter < 60; counter++) {
          let best = -Infinity, expected = -1;
          logits.forEach((logit, index) => {
            const z = Math.fround(logit * beta),
              score = z < Math.fround(floor)
                ? -Infinity
                : Math.fround(z + Math.fround(counterGumbel(99, counter, index)));
            if (score > best) [best, expected] = [score, index];
          });
          assert.equal(
            kernels.gumbelArgmax(at, vocabulary, beta, floor, 99, counter),
            expected,
            `${vocabulary} ${beta} ${JSON.stringify(filter)} ${counter}`,
          );
        }
      }
    }
    assert.equal(kernels.argmax(at, vocabulary), logits.indexOf(logits.reduce((a, b) => Math.max(a, b))));
    tensor.dispose();
  }
});
