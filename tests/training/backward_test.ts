import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import type { Decoder } from "../../lib/models/decoder.ts";
import type { DecoderConfig } from "../../lib/models/decoder_config.ts";
import { addLora } from "../../lib/models/lora.ts";
import {
  addGradients,
  backward,
  type TokenLoss,
  type TokenValues,
  tokenValues,
} from "../../lib/training/backward.ts";
import { AdamW } from "../../lib/training/optimizer.ts";
import { TokenBatch, type TokenSequence } from "../../lib/training/token_batch.ts";
import { gaussian, testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { plainConfig, tinyConfig, tinyDecoder } from "../kernels/webgpu/tiny_decoder.ts";

const sequences: TokenSequence[] = [
  { prompt: [3, 14, 15], completion: [9, 2, 6, 5, 35] },
  { prompt: [8], completion: [7, 9, 3, 2, 38, 46, 26, 4, 33] },
  { prompt: [50, 28, 8, 41, 9, 7, 16, 9], completion: [39] },
];

/** Σ w·logp with fixed w: its gradient is w. */
const linearLoss = ({ logprobs }: TokenValues): TokenLoss => {
  const gradient = gaussian(logprobs.length, 77);
  return { loss: logprobs.reduce((sum, value, i) => sum + value * gradient[i], 0), gradient };
};

/** With B off zero, so that A has a gradient too. */
function adapted(decoder: Decoder): Decoder {
  addLora(decoder, { rank: 2, targets: ["q_proj", "v_proj", "down_proj"] });
  for (const { b } of decoder.lora.values()) {
    tf.tidy(() => b.assign(tf.tensor2d(gaussian(b.size, 5).map((x) => x * 0.1), b.shape)));
  }
  return decoder;
}

const models: [string, DecoderConfig, boolean][] = [["norms, window", tinyConfig, false], [
  "biases, soft-caps, own head",
  plainConfig,
  false,
], ["LoRA", tinyConfig, true]];

async function gradientsOf(
  config: DecoderConfig,
  lora: boolean,
  temperature: number,
): Promise<Map<string, Float32Array>> {
  const decoder = lora ? adapted(tinyDecoder(config)) : tinyDecoder(config),
    batch = new TokenBatch(sequences);
  const { gradients } = await backward(decoder, batch, linearLoss, { temperature }),
    found = new Map<string, Float32Array>();
  for (const { name, variable } of decoder.parameters()) {
    found.set(name, Float32Array.from(await gradients[variable.name].data()));
  }
  assert.equal(Object.keys(gradients).length, found.size);
  tf.dispose(Object.values(gradients));
  batch.dispose();
  decoder.dispose();
  return found;
}

for (const [kind, config, lora] of models) {
  testOnCpu(`backward() gives the gradients of the reference operations: ${kind}`, async () => {
    await tf.setBackend("cpu");
    const expected = await gradientsOf(config, lora, 0.8);
    await startEngine({ threads: 2 });
    const before = tf.memory().numTensors, actual = await gradientsOf(config, lora, 0.8);
    assert.equal(tf.memory().numTensors, before);
    assert.deepEqual([...actual.keys()], [...expected.keys()]);
    for (const [name, values] of expected) {
      const scale = Math.max(...values.map(Math.abs));
      assert.ok(scale > 0, `${name} has no gradient`);
      actual.get(name)!.forEach((value, i) =>
        assert.ok(
          Math.abs(value - values[i]) <= 1e-4 * scale + 1e-6,
          `${name}[${i}]: ${value}, expected ${values[i]}`,
        )
      );
    }
  });

  testOnCpu(`backward() gives the slope of the loss along every parameter: ${kind}`, async () => {
    await startEngine({ threads: 1 });
    const decoder = lora ? adapted(tinyDecoder(config)) : tinyDecoder(config),
      batch = new TokenBatch(sequences),
      step = 0.02;
    const { gradients, loss } = await backward(decoder, batch, linearLoss),
      base = linearLoss(await tokenValues(decoder, batch)).loss;
    assert.ok(Math.abs(loss - base) < 1e-4 * Math.abs(base));
    for (const [index, { name, variable }] of decoder.parameters().entries()) {
      const held = Float32Array.from(variable.dataSync()),
        gradient = Float32Array.from(gradients[variable.name].dataSync());
      const random = gaussian(variable.size, index),
        norm = Math.hypot(...random),
        direction = random.map((x) => x / norm);
      const lossAt = async (sign: number) => {
        tf.tidy(() =>
          variable.assign(tf.tensor(held.map((x, i) => x + sign * step * direction[i]), variable.shape))
        );
        return linearLoss(await tokenValues(decoder, batch)).loss;
      };
      const byDifference = (await lossAt(1) - await lossAt(-1)) / (2 * step),
        byGradient = gradient.reduce((sum, x, i) => sum + x * direction[i], 0);
      tf.tidy(() => variable.assign(tf.tensor(held, variable.shape)));
      assert.ok(
        Math.abs(byDifference - byGradient) < 0.02 * Math.abs(byGradient) + 0.003,
        `${name}: slope ${byGradient} by gradient, ${byDifference} by difference`,
      );
    }
    tf.dispose(Object.values(gradients));
    batch.dispose();
    decoder.dispose();
  });
}

testOnCpu(
  "tokenValues() leaves the adapter out for the reference policy, and agrees with the logits",
  async () => {
    await startEngine({ threads: 1 });
    const decoder = tinyDecoder(plainConfig),
      batch = new TokenBatch(sequences),
      plain = await tokenValues(decoder, batch, { temperature: 0.5 });
    const logits = decoder.logits(sequences.map(({ prompt, completion }) => [...prompt, ...completion])),
      all = logits.arraySync();
    logits.dispose();
    const expected = sequences.flatMap(({ prompt, completion }, i) =>
      completion.map((token, t) => {
        const row = all[i][prompt.length - 1 + t].map((x) => x / 0.5), most = Math.max(...row);
        return row[token] - most - Math.log(row.reduce((sum, x) => sum + Math.exp(x - most), 0));
      })
    );
    expected.forEach((value, i) =>
      assert.ok(Math.abs(value - plain.logprobs[i]) < 1e-4, `${i}: ${plain.logprobs[i]}, expected ${value}`)
    );
    assert.deepEqual(batch.split(plain.logprobs).map(({ length }) => length), [5, 9, 1]);
    adapted(decoder);
    const [changed, reference] = [
      await tokenValues(decoder, batch, { temperature: 0.5 }),
      await tokenValues(decoder, batch, { temperature: 0.5, adapter: false }),
    ];
    assert.deepEqual(reference, plain);
    assert.ok(changed.logprobs.some((value, i) => Math.abs(value - plain.logprobs[i]) > 1e-3));
    batch.dispose();
    decoder.dispose();
  },
);

testOnCpu("addGradients() of two halves is the gradient of the whole", async () => {
  await startEngine({ threads: 1 });
  const decoder = tinyDecoder(tinyConfig),
    ones = ({ logprobs }: TokenValues) => ({ loss: 0, gradient: logprobs.map(() => 1) });
  const gradientsFor = async (some: TokenSequence[]) => {
    const batch = new TokenBatch(some), { gradients } = await backward(decoder, batch, ones);
    batch.dispose();
    return gradients;
  };
  const whole = await gradientsFor(sequences),
    sum = addGradients(
      addGradients(null, await gradientsFor(sequences.slice(0, 1))),
      await gradientsFor(sequences.slice(1)),
    );
  for (const [name, gradient] of Object.entries(whole)) {
    const expected = gradient.dataSync(),
      actual = sum[name].dataSync(),
      scale = Math.max(...expected.map(Math.abs));
    expected.forEach((value, i) =>
      assert.ok(Math.abs(value - actual[i]) < 1e-5 * (1 + scale), `${name}[${i}]`)
    );
  }
  tf.dispose([Object.values(whole), Object.values(sum)]);
  decoder.dispose();
});

testOnCpu(
  "AdamW.step() clips by the global norm, decays matrices only, and skips what is not finite",
  async () => {
    await startEngine({ threads: 1 });
    const before = tf.memory().numTensors;
    const [matrix, vector] = tf.tidy(
      () => [
        tf.variable(tf.tensor2d([[1]]), true, "test/matrix"),
        tf.variable(tf.tensor1d([1]), true, "test/vector"),
      ],
    );
    const optimizer = new AdamW([{ name: "w", variable: matrix as tf.Variable }, {
      name: "b",
      variable: vector as tf.Variable,
    }]);
    const gradients = (a: number, b: number) => ({
      "test/matrix": tf.tensor2d([[a]]) as tf.Tensor,
      "test/vector": tf.tensor1d([b]) as tf.Tensor,
    });
    const values = () => [matrix.dataSync()[0], vector.dataSync()[0]],
      close = (value: number, expected: number) =>
        assert.ok(Math.abs(value - expected) < 1e-6, `${value}, expected ${expected}`);
    assert.equal(
      await optimizer.step(gradients(3, 4), { learningRate: 0.1, weightDecay: 0.5, maxGradNorm: 1 }),
      5,
    );
    // the first step is of size η whatever the gradient, 0.1·0.5 of the matrix decays
    close(values()[0], 1 - 0.05 - 0.1);
    close(values()[1], 1 - 0.1);
    const state = await optimizer.state();
    close(state["m/w"].data[0], 0.1 * 3 / 5);
    close(state["v/b"].data[0], 0.001 * (4 / 5) ** 2);
    const held = values();
    assert.equal(await optimizer.step(gradients(NaN, 1), { learningRate: 0.1 }), NaN);
    assert.equal(await optimizer.step(gradients(Infinity, 1), { learningRate: 0.1 }), Infinity);
    assert.deepEqual([values(), optimizer.updates], [held, 1]);
    // a second step by hand, unclipped: m = 0.9·m + 0.1·g, v = 0.999·v + 0.001·g²
    await optimizer.step(gradients(0.2, 0), { learningRate: 0.1, maxGradNorm: 0 });
    const m = 0.9 * 0.06 + 0.1 * 0.2, v = 0.999 * 0.00036 + 0.001 * 0.04;
    close(values()[0], held[0] - 0.1 * (m / (1 - 0.81)) / (Math.sqrt(v / (1 - 0.999 ** 2)) + 1e-8));
    optimizer.restore(state, 1);
    assert.deepEqual([await optimizer.state(), optimizer.updates], [state, 1]);
    assert.throws(() => optimizer.restore({}, 1), /the checkpoint has no m\/w of shape \[1,1\]/);
    optimizer.dispose();
    tf.dispose([matrix, vector]);
    assert.equal(tf.memory().numTensors, before);
  },
);

for (const lora of [false, true]) {
  testOnCpu(
    `50 steps of training${lora ? " with LoRA" : ""} learn the batch and leave no tensor behind`,
    async () => {
      await startEngine({ threads: 2 });
      const start = tf.memory().numTensors, decoder = tinyDecoder(tinyConfig);
      if (lora) addLora(decoder, { rank: 4 });
      const optimizer = new AdamW(decoder.parameters()),
        nll = ({ logprobs }: TokenValues) => ({
          loss: -logprobs.reduce((a, b) => a + b) / logprobs.length,
          gradient: logprobs.map(() => -1 / logprobs.length),
        });
      let first = 0, last = 0, held = 0;
      for (let step = 0; step < 50; step++) {
        const batch = new TokenBatch(sequences), { gradients, loss } = await backward(decoder, batch, nll);
        await optimizer.step(gradients, { learningRate: 0.01 });
        batch.dispose();
        if (step === 0) [first, held] = [loss, tf.memory().numTensors];
        assert.equal(tf.memory().numTensors, held, `after step ${step}`);
        last = loss;
      }
      assert.ok(last < 0.3 * first, `the loss went from ${first} to ${last}`);
      optimizer.dispose();
      decoder.dispose();
      assert.equal(tf.memory().numTensors, start);
    },
  );
}

Deno.test("TokenBatch refuses sequences without a prompt or a completion", () => {
  assert.throws(
    () => new TokenBatch([{ prompt: [1], completion: [2] }, { prompt: [], completion: [1] }]),
    /sequence 1 has 0 and 1/,
  );
  assert.throws(() => new TokenBatch([{ prompt: [1], completion: [] }]), RangeError);
});

testOnCpu(
  "backward() with checkpointing gives the same gradients, bit for bit, and holds fewer bytes",
  async () => {
    await startEngine({ threads: 1 });
    for (const lora of [false, true]) {
      const decoder = lora ? adapted(tinyDecoder(tinyConfig)) : tinyDecoder(tinyConfig),
        batch = new TokenBatch(sequences);
      await tokenValues(decoder, batch); // what is made on first use and stays
      const held: number[] = [], found: Float32Array[][] = [];
      for (const checkpointing of [false, true]) {
        const before = tf.memory();
        const { gradients } = await backward(decoder, batch, (values) => {
          held.push(tf.memory().numBytes - before.numBytes); // all of the forward pass that waits for the backward pass
          return linearLoss(values);
        }, { checkpointing });
        const variables = decoder.parameters().map(({ variable }) => gradients[variable.name]);
        found.push(variables.map((gradient) => gradient.dataSync().slice() as Float32Array));
        tf.dispose(Object.values(gradients));
        assert.equal(tf.memory().numTensors, before.numTensors);
      }
      assert.deepEqual(found[1], found[0]);
      assert.ok(held[1] < 0.6 * held[0], `${held[1]} bytes held with checkpointing, ${held[0]} without`);
      batch.dispose();
      decoder.dispose();
    }
  },
);

testOnCpu(
  "TokenBatch shares the rows of a prompt among neighbours, and values and gradients stay the same",
  async () => {
    await startEngine({ threads: 1 });
    const decoder = adapted(tinyDecoder(tinyConfig)), [first, second] = [[3, 14, 15, 9, 2], [8, 8]];
    const family: TokenSequence[] = [
      { prompt: first, completion: [6, 5, 35] },
      { prompt: [...first], completion: [7] },
      { prompt: first, completion: [9, 3, 2, 38, 46, 26, 4, 33] },
      { prompt: second, completion: [39, 2] },
      { prompt: second, completion: [39, 2] },
      { prompt: first, completion: [1, 2] },
    ];
    let place = 0;
    const weights = gaussian(18, 3);
    const loss = (from: number) => ({ logprobs }: TokenValues) => ({
      loss: 0,
      gradient: weights.slice(from, from + logprobs.length),
    });
    const together = new TokenBatch(family), whole = await backward(decoder, together, loss(0));
    // 5 + 2 + 0 + 7 rows, 2 + 1 + 1, and the last prompt has no neighbour: 5 + 1
    assert.equal(together.layout.rows, 24);
    let sum: Awaited<ReturnType<typeof backward>>["gradients"] | null = null;
    for (const sequence of family) {
      const alone = new TokenBatch([sequence]),
        { values, gradients } = await backward(decoder, alone, loss(place));
      values.logprobs.forEach((value, t) =>
        assert.ok(Math.abs(value - whole.values.logprobs[place + t]) < 2e-5, `${place + t}: ${value}`)
      );
      sum = addGradients(sum, gradients);
      place += sequence.completion.length;
      alone.dispose();
    }
    assert.equal(place, weights.length);
    for (const [name, gradient] of Object.entries(whole.gradients)) {
      const expected = sum![name].dataSync(), scale = Math.max(...expected.map(Math.abs));
      gradient.dataSync().forEach((value, i) =>
        assert.ok(
          Math.abs(value - expected[i]) < 2e-5 * (1 + scale),
          `${name}[${i}]: ${value}, expected ${expected[i]}`,
        )
      );
    }
    tf.dispose([Object.values(whole.gradients), Object.values(sum!)]);
    together.dispose();
    decoder.dispose();
  },
);
