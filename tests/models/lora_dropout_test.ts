import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import type { Decoder } from "../../lib/models/decoder.ts";
import { addLora } from "../../lib/models/lora.ts";
import { generate } from "../../lib/generation/generate.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { generateProblems } from "../../lib/data/generator.ts";
import { sft } from "../../lib/stages/sft.ts";
import { backward, tokenValues } from "../../lib/training/backward.ts";
import { TokenBatch } from "../../lib/training/token_batch.ts";
import { gaussian, testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { tinyConfig, tinyDecoder } from "../kernels/webgpu/tiny_decoder.ts";

const sequences = [{ prompt: [3, 14, 15], completion: [9, 2, 6, 5, 35] }, {
  prompt: [8],
  completion: [7, 9, 3],
}];

function adapted(dropout: number): Decoder {
  const decoder = tinyDecoder(tinyConfig);
  addLora(decoder, { rank: 2, dropout });
  for (const { b } of decoder.lora.values()) {
    tf.tidy(() => b.assign(tf.tensor2d(gaussian(b.size, 5).map((x) => x * 0.3), b.shape)));
  }
  return decoder;
}

async function logprobs(decoder: Decoder, dropoutSeed: number | null, adapter = true): Promise<number[]> {
  const batch = new TokenBatch(sequences);
  const { logprobs } = await tokenValues(decoder, batch, { dropoutSeed, adapter });
  batch.dispose();
  return [...logprobs];
}

testOnCpu(
  "LoRA dropout acts in training alone, by its seed, and never on the base or where the rate is 0",
  async () => {
    await startEngine({ threads: 2 });
    const before = tf.memory().numTensors, decoder = adapted(0.4), without = adapted(0);
    const plain = await logprobs(without, null);
    assert.deepEqual(await logprobs(decoder, null), plain);
    assert.deepEqual(await logprobs(without, 5), plain);
    const dropped = await logprobs(decoder, 5);
    assert.notDeepEqual(dropped, plain);
    assert.deepEqual(await logprobs(decoder, 5), dropped);
    assert.notDeepEqual(await logprobs(decoder, 6), dropped);
    assert.deepEqual(await logprobs(decoder, 5, false), await logprobs(decoder, null, false));
    const options = { temperature: 0, maxTokens: 10, eosIds: [] };
    assert.deepEqual(
      (await generate(decoder, [[5, 6]], options))[0].tokens,
      (await generate(without, [[5, 6]], options))[0].tokens,
    );
    decoder.dispose();
    without.dispose();
    assert.equal(tf.memory().numTensors, before);
  },
);

testOnCpu(
  "backward() with dropout has the gradients of the reference operations and of differences",
  async () => {
    const gradientsOf = async () => {
      const decoder = adapted(0.4), batch = new TokenBatch(sequences);
      const weights = gaussian(8, 77),
        { gradients } = await backward(decoder, batch, ({ logprobs }) => ({
          loss: logprobs.reduce((sum, value, i) => sum + value * weights[i], 0),
          gradient: weights,
        }), { dropoutSeed: 3 });
      const found = new Map<string, number[]>();
      for (const { name, variable } of decoder.parameters()) {
        found.set(name, [...await gradients[variable.name].data()]);
      }
      tf.dispose(Object.values(gradients));
      // one number of A moved by a little, in both directions
      const moved: [string, number][] = [];
      for (const [module, { a }] of [...decoder.lora].slice(0, 3)) {
        const values = (await a.data()).slice(), losses: number[] = [];
        for (const step of [0.01, -0.01]) {
          tf.tidy(() => a.assign(tf.tensor2d(values.map((x, i) => i === 4 ? x + step : x), a.shape)));
          const { logprobs } = await tokenValues(decoder, batch, { dropoutSeed: 3 });
          losses.push(logprobs.reduce((sum, value, i) => sum + value * weights[i], 0));
        }
        tf.tidy(() => a.assign(tf.tensor2d(values, a.shape)));
        moved.push([`base_model.model.${module}.lora_A.weight`, (losses[0] - losses[1]) / 0.02]);
      }
      batch.dispose();
      decoder.dispose();
      return { found, moved };
    };
    await tf.setBackend("cpu");
    const expected = await gradientsOf();
    await startEngine({ threads: 2 });
    const before = tf.memory().numTensors, actual = await gradientsOf();
    assert.equal(tf.memory().numTensors, before);
    for (const [name, values] of expected.found) {
      const scale = Math.max(...values.map(Math.abs));
      assert.ok(scale > 0, `${name} has no gradient`);
      actual.found.get(name)!.forEach((value, i) =>
        assert.ok(
          Math.abs(value - values[i]) <= 1e-4 * scale + 1e-6,
          `${name}[${i}]: ${value}, expected ${values[i]}`,
        )
      );
    }
    for (const [name, slope] of actual.moved) {
      const own = actual.found.get(name)![4];
      assert.ok(
        Math.abs(own - slope) < 0.02 * Math.abs(slope) + 2e-3,
        `${name}: ${own}, differences give ${slope}`,
      );
    }
  },
);

testOnCpu(
  "a run with dropout and a resumed one end with the same bits, and another seed with others",
  async () => {
    await startEngine({ threads: 1 });
    const path = new URL("../../data/models/tiny-gemma", import.meta.url).pathname,
      folder = await Deno.makeTempDir();
    const problems = generateProblems({ count: 20, seed: 5 });
    const adapter = async (
      { seed = 1, steps = 4, dropout = 0.3, ...hooks }: {
        seed?: number;
        steps?: number;
        dropout?: number;
        checkpoints?: string;
        resumeFrom?: string;
        signal?: AbortSignal;
        onStep?: () => void;
      },
    ) => {
      const model = await loadModel({ path, lora: { rank: 4, dropout } });
      await sft(model, problems, { steps, batchSize: 4, gradientAccumulation: 2, seed, ...hooks });
      const values = await Promise.all(
        model.decoder.parameters().map(async ({ variable }) => [...await variable.data()]),
      );
      model.dispose();
      return values.flat();
    };
    const whole = await adapter({});
    assert.deepEqual(await adapter({}), whole);
    assert.notDeepEqual(await adapter({ dropout: 0 }), whole);
    assert.notDeepEqual(await adapter({ seed: 2 }), whole);
    const stop = new AbortController();
    let steps = 0;
    await adapter({
      checkpoints: folder,
      signal: stop.signal,
      onStep: () => {
        if (++steps === 2) stop.abort();
      },
    });
    assert.equal(steps, 2);
    const [checkpoint] = [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`);
    assert.deepEqual(await adapter({ checkpoints: folder, resumeFrom: checkpoint }), whole);
    await Deno.remove(folder, { recursive: true });
  },
);
