import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { initialWeights } from "../../../lib/models/initial_weights.ts";
import { addLora } from "../../../lib/models/lora.ts";
import { Decoder } from "../../../lib/models/decoder.ts";
import type { DecoderConfig } from "../../../lib/models/decoder_config.ts";
import { pcg } from "../../../lib/random/counter_random.ts";
import { decode } from "../../../lib/kernels/webgpu/decode.ts";
import { launchCount } from "../../../lib/kernels/webgpu/program.ts";
import { generate, generateReference } from "../../../lib/generation/generate.ts";
import { drawAdapter } from "../../models/draw_adapter.ts";
import { testOnWebgpu } from "./on_webgpu.ts";
import { plainConfig, tinyConfig, tinyDecoder } from "./tiny_decoder.ts";

const prompts = [[3, 14, 15, 9, 26, 5, 35], [2, 7], [18, 28, 18, 28]];

/** With adapters on all layers that change what is drawn, where `rank` is not 0. */
function adaptedDecoder(config: DecoderConfig, rank: number): Decoder {
  const decoder = tinyDecoder(config);
  if (rank === 0) return decoder;
  addLora(decoder, { rank });
  drawAdapter(decoder, 0.2);
  return decoder;
}

const filtered = { temperature: 1.2, topK: 0, topP: 0.95, minP: 0 },
  likely = { temperature: 0.9, topK: 30, topP: 1, minP: 0.01 };

for (
  const [config, settings, rank] of [
    [tinyConfig, filtered, 0],
    [plainConfig, likely, 0],
    // A beside the layers in one launch; with biases there are too many buffers for it; and a rank that the kernel of few rows does not take
    [tinyConfig, filtered, 4],
    [plainConfig, likely, 4],
    [tinyConfig, filtered, 3],
  ] as const
) {
  testOnWebgpu(
    `decode() gives the reference's tokens and log-probabilities for ${config.architecture}${
      rank ? ` with adapters of rank ${rank}` : ""
    }`,
    async () => {
      const n = 2,
        maxTokens = 9,
        seed = 5,
        options = { ...settings, n, maxTokens, seed, eosIds: [1, 20, 21, 22, 23, 24, 25, 40, 41, 42] };
      await tf.setBackend("cpu");
      const onCpu = adaptedDecoder(config, rank), expected = await generateReference(onCpu, prompts, options);
      onCpu.dispose();
      await tf.setBackend("webgpu");
      const decoder = adaptedDecoder(config, rank);
      const seeds = Int32Array.from(
        { length: prompts.length * n },
        (_, row) => pcg((pcg(seed) ^ row) >>> 0) | 0,
      );
      // looks every two tokens, so that rows end at different looks and the batch is packed
      const actual = await decode(decoder.describe(64), prompts, {
        ...options,
        seeds,
        lookEvery: 2,
      });
      decoder.dispose();
      assert.deepEqual(
        actual.map(({ tokens }) => tokens),
        expected.map(({ tokens }) => tokens),
      );
      for (const [row, { logprobs }] of actual.entries()) {
        for (const [i, logprob] of logprobs.entries()) {
          assert.ok(Math.abs(logprob - expected[row].logprobs[i]) < 1e-3);
        }
      }
      const lengths = expected.map(({ tokens }) => tokens.length);
      assert.ok(
        Math.min(...lengths) < Math.max(...lengths),
        `completions should end at different places, got ${lengths}`,
      );
    },
  );
}

const greedy = { temperature: 0, topK: 0, topP: 1, minP: 0, eosIds: [], lookEvery: 16 };

testOnWebgpu("decode() takes 9 launches a token and layer for Gemma 3", async () => {
  const decoder = tinyDecoder(tinyConfig), model = decoder.describe(64);
  const cost = async (layers: number) => {
    const before = launchCount(), whole = { ...model, layers: model.layers.slice(0, layers) };
    await decode(whole, [[3, 4, 5]], { ...greedy, n: 1, maxTokens: 2, seeds: new Int32Array(1) });
    return launchCount() - before;
  };
  // once for the prompt, once for the second token, and two copies of the prompt's cache
  assert.equal(await cost(2) - await cost(1), 2 * 9 + 2);
  decoder.dispose();
});

testOnWebgpu(
  "decode() takes 13 launches a token and layer with LoRA on all linear layers, 17 beyond eight rows",
  async () => {
    const decoder = adaptedDecoder(tinyConfig, 4), model = decoder.describe(64);
    const cost = async (layers: number, n: number, maxTokens: number) => {
      const before = launchCount(), whole = { ...model, layers: model.layers.slice(0, layers) };
      await decode(whole, [[3, 4, 5]], { ...greedy, n, maxTokens, seeds: new Int32Array(n) });
      return launchCount() - before;
    };
    /** Launches of one layer for the third token, what was before it taken off. */
    const layer = async (n: number) =>
      await cost(2, n, 3) - await cost(1, n, 3) - (await cost(2, n, 2) - await cost(1, n, 2));
    assert.deepEqual([await layer(1), await layer(8), await layer(9)], [13, 13, 17]);
    decoder.dispose();
  },
);

testOnWebgpu("decode() takes 9 to 12 launches a token and layer at the shapes of Gemma 3 270M", async () => {
  const config = {
    ...tinyConfig,
    hiddenSize: 640,
    intermediateSize: 2048,
    kvHeads: 1,
    headDim: 256,
    layerWindows: [512, null],
    maxPositions: 2048,
  };
  const decoder = tinyDecoder(config), model = decoder.describe(400);
  const cost = async (layers: number, n: number, prompt: number, maxTokens: number) => {
    const before = launchCount();
    await decode({ ...model, layers: model.layers.slice(0, layers) }, [Array(prompt).fill(5)], {
      ...greedy,
      n,
      maxTokens,
      seeds: new Int32Array(n),
    });
    return launchCount() - before;
  };
  /** Launches of one layer for the third token, what was before it taken off. */
  const layer = async (n: number, prompt: number) =>
    await cost(2, n, prompt, 3) - await cost(1, n, prompt, 3) -
    (await cost(2, n, prompt, 2) - await cost(1, n, prompt, 2));
  // up to eight rows: norm and residual, q/k/v, heads, attention, output, norms, gate and up, activation, down
  assert.equal(await layer(1, 8), 9);
  assert.equal(await layer(8, 8), 9);
  // keys over workgroups are joined by one more
  assert.equal(await layer(1, 256), 10);
  // q/k/v, output and down in parts of inner, and their sums
  assert.equal(await layer(32, 8), 12);
  decoder.dispose();
});

/** Workgroups that a decoding dispatches, how often it reads back, and how many launches were recorded while each read waited. */
async function work(
  prompts: number[][],
  options: { n: number; maxTokens: number; stop?: (tokens: number[]) => boolean },
): Promise<{ groups: number; reads: number; meanwhile: number[] }> {
  const decoder = tinyDecoder(tinyConfig), backend = tf.backend(), { read } = backend;
  const passes = GPUComputePassEncoder.prototype, { dispatchWorkgroups } = passes;
  const meanwhile: number[] = [];
  let groups = 0, reads = 0;
  passes.dispatchWorkgroups = function (this: GPUComputePassEncoder, x: number, y = 1, z = 1) {
    groups += x * y * z;
    return dispatchWorkgroups.call(this, x, y, z);
  };
  backend.read = async (id: object) => {
    reads++;
    const before = launchCount(), values = await read.call(backend, id);
    meanwhile.push(launchCount() - before);
    return values;
  };
  try {
    await decode(decoder.describe(64), prompts, {
      temperature: 1,
      topK: 0,
      topP: 1,
      minP: 0,
      eosIds: [],
      seeds: new Int32Array(prompts.length * options.n),
      lookEvery: 4,
      ...options,
    });
  } finally {
    passes.dispatchWorkgroups = dispatchWorkgroups;
    Reflect.deleteProperty(backend, "read");
    decoder.dispose();
  }
  return { groups, reads, meanwhile };
}

const prompt = Array.from({ length: 30 }, (_, i) => 3 + i);

testOnWebgpu("generate() on a GPU refuses logits that are not numbers", async () => {
  const weights = initialWeights(tinyConfig, { seed: 7, standardDeviation: 0.2 });
  weights.find(([name]) => name === "model.norm.weight")![1].data[3] = NaN;
  const decoder = new Decoder(tinyConfig, weights);
  for (const temperature of [0, 1]) {
    await assert.rejects(
      generate(decoder, prompts, { temperature, topP: 0.9, maxTokens: 3 }),
      /^RangeError: sampling needs logits that are numbers, got NaN/,
    );
  }
  decoder.dispose();
});

testOnWebgpu("decode() runs a prompt once for all its completions", async () => {
  const shared = await work([prompt], { n: 4, maxTokens: 1 }),
    apart = await work([prompt, prompt, prompt, prompt], { n: 1, maxTokens: 1 });
  // what is left is the copies of the cache and the draw
  assert.ok(
    shared.groups < 0.4 * apart.groups,
    `${shared.groups} workgroups, ${apart.groups} for four prompts`,
  );
});

testOnWebgpu("decode() records the next tokens while those before travel to the host", async () => {
  const { meanwhile } = await work([[3, 4, 5]], { n: 2, maxTokens: 12 });
  // four tokens of two layers, and nothing behind the last
  assert.ok(meanwhile.slice(0, 2).every((launches) => launches >= 4 * 2 * 9), `${meanwhile}`);
  assert.equal(meanwhile.at(-1), 0);
});

testOnWebgpu("decode() reads back once every few tokens, and drops the rows that ended", async () => {
  const all = await work([[3, 4, 5]], { n: 8, maxTokens: 24 });
  assert.equal(all.reads, 6);
  let asked = 0;
  const few = await work([[3, 4, 5]], { n: 8, maxTokens: 24, stop: () => ++asked <= 7 });
  assert.equal(few.reads, 6);
  // one row of eight goes on after the first of six looks
  assert.ok(few.groups < 0.5 * all.groups, `${few.groups} workgroups, ${all.groups} for all rows`);
  // the tokens of the second look were under way when the first said that all had ended
  const ended = await work([[3, 4, 5]], { n: 8, maxTokens: 24, stop: () => true });
  assert.equal(ended.reads, 2);
});

testOnWebgpu("decode() makes bind groups once a generation, not once a token", async () => {
  const { device } = tf.backend() as unknown as { device: GPUDevice }, { createBindGroup } = device;
  let made = 0;
  device.createBindGroup = (descriptor) => (made++, createBindGroup.call(device, descriptor));
  const madeFor = async (maxTokens: number) => {
    made = 0;
    await work([[3, 4, 5]], { n: 2, maxTokens });
    return made;
  };
  try {
    const few = await madeFor(5), many = await madeFor(29);
    assert.ok(few > 2 * 9, `${few}`);
    // one for the history of each look
    assert.ok(many <= few + 6, `${many} for 29 tokens, ${few} for 5`);
  } finally {
    Reflect.deleteProperty(device, "createBindGroup");
  }
});
