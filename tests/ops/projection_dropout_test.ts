import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import type { Linear } from "../../lib/kernels/decoder_description.ts";
import { dropout, projectWithDropout } from "../../lib/ops/projection_dropout.ts";
import { normal, type Values } from "../kernels/webgpu/on_webgpu.ts";
import { type OpCase, testAgainstReference } from "./on_each_backend.ts";

Deno.test("dropout() drops its share, scales the rest by 1/(1 − rate), and follows from its seed alone", async () => {
  await tf.setBackend("cpu");
  const before = tf.memory().numTensors, shape: [number, number] = [300, 200];
  const masked = (rate: number, seed: number) =>
    tf.tidy(() => [...dropout(tf.ones(shape), { rate, seed }).dataSync()]);
  for (const rate of [0.1, 0.5, 0.9]) {
    const mask = masked(rate, 7), kept = Math.fround(1 / (1 - rate));
    assert.ok(mask.every((value) => value === 0 || value === kept));
    // 60,000 draws: four standard deviations
    const dropped = mask.filter((value) => value === 0).length / mask.length;
    assert.ok(
      Math.abs(dropped - rate) < 4 * Math.sqrt(rate * (1 - rate) / mask.length),
      `${dropped} of ${rate}`,
    );
    assert.deepEqual(masked(rate, 7), mask);
    const other = masked(rate, 8),
      both = mask.filter((value, i) => value === 0 && other[i] === 0).length / mask.length;
    assert.ok(
      Math.abs(both - rate * rate) < 0.01,
      `masks of two seeds share ${both}, expected ${rate * rate}`,
    );
    // rows and columns are drawn apart, too
    for (const step of [1, shape[1]]) {
      const pairs = mask.slice(step).filter((value, i) => value === 0 && mask[i] === 0).length / mask.length;
      assert.ok(Math.abs(pairs - rate * rate) < 0.01, `neighbours by ${step} share ${pairs}`);
    }
  }
  assert.ok(masked(0, 7).every((value) => value === 1));
  assert.equal(tf.memory().numTensors, before);
});

const rows = 6, width = 10, rate = 0.3, seed = 11, scale = 0.7;
const layers = [{ out: 7, rank: 2, bias: true }, { out: 4 }, { out: 5, rank: 3 }];

/** The adapters' inputs are what tfjs-core computes from the masks that the operation itself used for ones. */
function own(): OpCase {
  const inputs: Values[] = [normal([rows, width], 1)], fixed: Values[] = [];
  for (const [i, { out, rank, bias }] of layers.entries()) {
    fixed.push(normal([out, width], 10 + i, 0.3), ...bias ? [normal([out], 20 + i)] : []);
    if (rank) inputs.push(normal([rank, width], 30 + i, 0.3), normal([out, rank], 40 + i, 0.3));
  }
  const linears = (all: tf.Tensor[]): Linear[] => {
    const trained = all.slice(1, inputs.length), frozen = all.slice(inputs.length);
    return layers.map(({ rank, bias }) => ({
      weight: frozen.shift() as tf.Tensor2D,
      bias: bias ? frozen.shift() as tf.Tensor1D : undefined,
      trainable: false,
      lora: rank
        ? { a: trained.shift() as tf.Tensor2D, b: trained.shift() as tf.Tensor2D, scale, dropout: rate }
        : undefined,
    }));
  };
  // found by an adapter that is the identity on ones: A picks one input, B writes it out
  const masks = layers.map((_, layer) =>
    tf.tidy(() => {
      const columns = Array.from({ length: width }, (_, column) =>
        tf.slice(
          projectWithDropout(
            tf.ones([rows, width]),
            layers.map((_, i) => ({
              weight: tf.zeros<tf.Rank.R2>([1, width]),
              trainable: false,
              lora: i === layer
                ? {
                  a: tf.oneHot(tf.tensor1d([column], "int32"), width) as tf.Tensor2D,
                  b: tf.ones<tf.Rank.R2>([1, 1]),
                  scale: 1,
                  dropout: rate,
                }
                : undefined,
            })),
            seed,
          ),
          [0, layer],
          [rows, 1],
        ));
      return { data: tf.concat(columns, 1).dataSync() as Float32Array, shape: [rows, width] };
    })
  );
  assert.notDeepEqual(masks[0].data, masks[2].data, "each layer has a mask of its own");
  for (const { data } of masks) {
    assert.ok(
      data.includes(0) && data.every((value) => value === 0 || Math.abs(value - 1 / (1 - rate)) < 1e-6),
    );
  }
  return {
    name: `${rows} × ${width}, two adapters`,
    inputs,
    fixed,
    differences: true,
    op: (...all) => projectWithDropout(all[0] as tf.Tensor2D, linears(all), seed),
    reference: (...all) =>
      tf.concat(
        linears(all).map(({ weight, bias, lora }, i) => {
          let y = tf.matMul(all[0] as tf.Tensor2D, weight, false, true);
          if (bias) y = tf.add(y, bias);
          if (!lora) return y;
          const dropped = tf.mul(all[0], tf.tensor2d(masks[i].data, [rows, width])) as tf.Tensor2D;
          const low = tf.matMul(dropped, lora.a, false, true);
          return tf.add(y, tf.mul(tf.matMul(low, lora.b, false, true), lora.scale));
        }),
        1,
      ),
  };
}

await tf.setBackend("cpu");
testAgainstReference("projectWithDropout()", [own()]);
