import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { startEngine } from "../../../lib/kernels/cpu/engine.ts";
import type { Decoder } from "../../../lib/models/decoder.ts";
import { generate } from "../../../lib/generation/generate.ts";
import { attention } from "../../../lib/ops/attention.ts";
import { gatedActivation } from "../../../lib/ops/gated_activation.ts";
import { Layout } from "../../../lib/ops/layout.ts";
import { rmsNorm } from "../../../lib/ops/rms_norm.ts";
import { backward } from "../../../lib/training/backward.ts";
import { TokenBatch } from "../../../lib/training/token_batch.ts";
import { tinyConfig, tinyDecoder } from "../webgpu/tiny_decoder.ts";
import { gaussian, testOnCpu } from "./on_cpu.ts";

/** All gradients of a batch, with tokens sampled on the way. */
async function everything(decoder: Decoder): Promise<Map<string, number[]>> {
  const sequences = Array.from(
    { length: 12 },
    (_, i) => ({
      prompt: [2 + i, 3, 4],
      completion: Array.from({ length: 20 + i }, (_, j) => (7 * j + i) % 70),
    }),
  );
  const batch = new TokenBatch(sequences),
    { gradients, values } = await backward(
      decoder,
      batch,
      ({ logprobs }) => ({ loss: 0, gradient: logprobs.map((_, i) => Math.sin(i)) }),
    );
  const found = new Map<string, number[]>([["logprobs", [...values.logprobs]], ["entropy", [
    ...values.entropy,
  ]]]);
  for (const [name, gradient] of Object.entries(gradients)) {
    found.set(name.replace(/^decoder\d+/, ""), [...gradient.dataSync()]);
  }
  tf.dispose(Object.values(gradients));
  batch.dispose();
  const samples = await generate(decoder, sequences.map(({ prompt }) => prompt), {
    maxTokens: 20,
    seed: 3,
    eosIds: [],
  });
  found.set("tokens", samples.flatMap(({ tokens }) => tokens)).set(
    "sampled logprobs",
    samples.flatMap(({ logprobs }) => logprobs),
  );
  return found;
}

async function onThreads(threads: number, blas: boolean): Promise<Map<string, number[]>> {
  await startEngine({ threads, blas });
  const decoder = tinyDecoder(tinyConfig), found = await everything(decoder);
  decoder.dispose();
  return found;
}

for (const blas of [true, false]) {
  const kind = blas ? "BLAS" : "our product";
  testOnCpu(`two runs with 2 threads and ${kind} give the same bits, gradients and samples`, async () => {
    const [first, second] = [await onThreads(2, blas), await onThreads(2, blas)];
    for (const [name, values] of first) assert.deepEqual(values, second.get(name), name);
  });

  testOnCpu(`1 and 2 threads with ${kind} agree: sums are cut elsewhere, samples are the same`, async () => {
    const [one, two] = [await onThreads(1, blas), await onThreads(2, blas)];
    assert.deepEqual(one.get("tokens"), two.get("tokens"));
    for (const [name, values] of one) {
      const scale = Math.max(1, ...values.map(Math.abs));
      two.get(name)!.forEach((value, i) =>
        assert.ok(Math.abs(value - values[i]) <= 2e-5 * scale, `${name}[${i}]: ${value}, ${values[i]}`)
      );
    }
  });
}

testOnCpu("row operations give the same bits on 1 and 2 threads: their chunks share no sum", async () => {
  const results: number[][] = [];
  for (const threads of [1, 2]) {
    await startEngine({ threads, blas: false });
    results.push(tf.tidy(() => {
      const x = tf.randomNormal<tf.Rank.R2>([401, 130], 0, 1, "float32", 5),
        w = tf.randomNormal<tf.Rank.R1>([130], 0, 1, "float32", 6);
      return [
        ...rmsNorm(x, w, { epsilon: 1e-6, residual: x }).dataSync(),
        ...gatedActivation(x, "gelu_tanh").dataSync(),
      ];
    }));
  }
  assert.deepEqual(results[0], results[1]);
});

testOnCpu("attention() stays within a thread's scratch, however long the sequence", async () => {
  const engine = await startEngine({ threads: 1 }),
    { thread } = engine.pool,
    own = thread.scratchBytes,
    length = 131;
  const layout = new Layout([Array.from({ length }, () => 0)]),
    shape = [length, 4 * 8] as [number, number];
  const rotary = tf.tensor2d([...Array(4 * length).fill(1), ...Array(4 * length).fill(0)], [2 * length, 4]);
  const x = tf.tensor2d(gaussian(length * 32, 1), shape);
  const options = {
    layout,
    heads: 2,
    kvHeads: 1,
    headDim: 8,
    scale: 0.4,
    softcap: 3,
    epsilon: 1e-6,
    addOne: false,
    rotary,
  };
  const run = () =>
    tf.tidy(() => {
      const { value, grad } = tf.valueAndGrad((x) => tf.sum(tf.square(attention(x as tf.Tensor2D, options))))(
        x,
      );
      return [...value.dataSync(), ...grad.dataSync()];
    });
  try {
    const expected = run(), room = 12 * length * 7;
    const beyond = new Float32Array(thread.memory.buffer, thread.scratch + room, 200_000);
    thread.scratchBytes = room;
    beyond.fill(123);
    const actual = run();
    assert.ok(beyond.every((value) => value === 123), "written past the scratch");
    for (const [i, value] of expected.entries()) {
      assert.ok(
        Math.abs(value - actual[i]) <= 1e-5 * Math.max(1, Math.abs(value)),
        `${i}: ${actual[i]}, ${value}`,
      );
    }
  } finally {
    thread.scratchBytes = own;
  }
  layout.dispose();
  tf.dispose([x, rotary]);
});
