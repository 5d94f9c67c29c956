import assert from "node:assert/strict";
import { ConfigError } from "../../lib/options/config_error.ts";
import * as tf from "@tensorflow/tfjs";
import { Random } from "../../lib/random/random.ts";
import { HeapError, heapUse } from "../../lib/backend/shared_wasm.ts";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import type { Decoder } from "../../lib/models/decoder.ts";
import { generate, generateReference } from "../../lib/generation/generate.ts";
import type { SamplingOptions } from "../../lib/generation/sampling_options.ts";
import { gaussian, testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { plainConfig, tinyConfig, tinyDecoder } from "../kernels/webgpu/tiny_decoder.ts";

const random = new Random(4), token = () => Math.floor(random.next() * 70);
// one token, the length of a chunk of prefill, past the window of 4
const prompts = [[5], [1, 2, 3], Array.from({ length: 23 }, token), Array.from({ length: 8 }, token), [
  69,
  0,
]];

/** An adapter that changes the model. */
function withLora(decoder: Decoder): Decoder {
  const pairs = new Map<string, { a: tf.Tensor2D; b: tf.Tensor2D; scale: number }>();
  for (
    const [i, module] of [
      "model.layers.0.self_attn.q_proj",
      "model.layers.0.mlp.down_proj",
      "model.layers.1.self_attn.v_proj",
      "model.layers.1.mlp.gate_proj",
    ].entries()
  ) {
    const [out, width] = decoder.weight(`${module}.weight`).shape;
    pairs.set(module, {
      a: tf.tensor2d(gaussian(3 * width, i), [3, width]),
      b: tf.tensor2d(gaussian(out * 3, 9 + i), [out, 3]),
      scale: 0.3,
    });
  }
  decoder.addAdapter(pairs);
  for (const { a, b } of pairs.values()) tf.dispose([a, b]);
  return decoder;
}

const models: [string, () => Decoder][] = [
  ["norms, window", () => tinyDecoder(tinyConfig)],
  ["biases, soft-caps, own head", () => tinyDecoder(plainConfig)],
  ["LoRA", () => withLora(tinyDecoder(tinyConfig))],
];
const settings: [string, SamplingOptions][] = [
  ["greedy", { temperature: 0 }],
  ["temperature 1", {}],
  ["temperature 0.6, 3 each", { temperature: 0.6, n: 3, seed: 12 }],
  ["topK 4", { topK: 4, seed: 1 }],
  ["topP 0.7", { topP: 0.7, seed: 2 }],
  ["minP 0.2", { minP: 0.2, seed: 3 }],
  ["all filters, hot", { temperature: 1.7, topK: 20, topP: 0.9, minP: 0.05, n: 2, seed: 0xffffffff }],
];

for (const [kind, make] of models) {
  testOnCpu(`generate() draws the tokens of generateReference(): ${kind}`, async (t) => {
    for (
      const engine of [
        { threads: 2, blas: true, packed: true },
        { threads: 2, blas: true, packed: false },
        { threads: 1, blas: false, packed: false },
      ]
    ) {
      const { thread } = (await startEngine(engine)).pool, packedProduct = thread.packed;
      if (!engine.packed) thread.packed = null;
      const before = tf.memory().numTensors, decoder = make(), own = tf.memory().numTensors;
      let ends = 0;
      for (const [name, options] of settings) {
        const kind = engine.packed ? ", packed for BLAS" : engine.blas ? ", BLAS" : "";
        await t.step(`${name}, ${engine.threads} threads${kind}`, async () => {
          const all = { maxTokens: 14, eosIds: [1, 2, 3, 40], ...options };
          const actual = await generate(decoder, prompts, all),
            expected = await generateReference(decoder, prompts, all);
          assert.equal(actual.length, expected.length);
          for (const [i, { logprobs, ...rest }] of expected.entries()) {
            const { logprobs: found, ...others } = actual[i];
            assert.deepEqual(others, rest);
            assert.equal(found.length, logprobs.length);
            logprobs.forEach((value, j) =>
              assert.ok(Math.abs(value - found[j]) < 1e-4, `${found[j]}, expected ${value}`)
            );
          }
          ends += actual.filter(({ ended }) => ended).length;
        });
      }
      assert.ok(ends > 5, `only ${ends} completions ended by themselves`);
      assert.ok(tf.memory().numTensors - own <= 4, "only the rotary tables of two bases may be added");
      decoder.dispose();
      thread.packed = packedProduct;
      assert.equal(tf.memory().numTensors, before);
    }
  });
}

testOnCpu("generate() ends at an end token, which stays, at a stop, and else at the limit", async () => {
  await startEngine({ threads: 1 });
  const decoder = tinyDecoder(tinyConfig), options = { temperature: 0, maxTokens: 40, eosIds: [] };
  const [{ tokens, ended }] = await generate(decoder, [[5, 6]], options);
  assert.equal(tokens.length, 40);
  assert.equal(ended, false);
  const end = tokens[7], first = tokens.indexOf(end);
  const [stopped] = await generate(decoder, [[5, 6]], { ...options, eosIds: [end] });
  assert.deepEqual([stopped.tokens, stopped.ended], [tokens.slice(0, first + 1), true]);
  const [cut] = await generate(decoder, [[5, 6]], { ...options, onTokens: (tokens) => tokens.length > 3 });
  assert.ok(cut.tokens.length < 40 && !cut.ended);
  assert.deepEqual(cut.tokens, tokens.slice(0, cut.tokens.length));
  const controller = new AbortController();
  const [aborted] = await generate(decoder, [[5, 6]], {
    ...options,
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  assert.deepEqual(aborted.tokens, tokens.slice(0, aborted.tokens.length));
  assert.ok(aborted.tokens.length < 40);
  decoder.dispose();
});

testOnCpu(
  "generate() gives the same tokens for the same seed, whatever stands beside a prompt's own place, and others for another",
  async () => {
    await startEngine({ threads: 2 });
    const decoder = tinyDecoder(tinyConfig), options = { maxTokens: 20, seed: 8, eosIds: [] };
    const drawn = await generate(decoder, prompts, options);
    assert.deepEqual(await generate(decoder, prompts, options), drawn);
    assert.deepEqual(
      (await generate(decoder, prompts.slice(0, 2), options)).map(({ tokens }) => tokens),
      drawn.slice(0, 2).map(({ tokens }) => tokens),
    );
    assert.notDeepEqual(
      (await generate(decoder, prompts, { ...options, seed: 9 })).map(({ tokens }) => tokens),
      drawn.map(({ tokens }) => tokens),
    );
    const [a, b] = await generate(decoder, [[5]], { ...options, n: 2 });
    assert.notDeepEqual(a.tokens, b.tokens);
    assert.deepEqual(await generate(decoder, [], options), []);
    decoder.dispose();
  },
);

/** Σ (seen − expected)² / expected, entries below one draw left out. */
function chiSquare(counts: number[], probabilities: number[]): number {
  const total = counts.reduce((a, b) => a + b, 0);
  return counts.reduce(
    (sum, count, i) =>
      probabilities[i] * total < 1
        ? sum
        : sum + (count - probabilities[i] * total) ** 2 / (probabilities[i] * total),
    0,
  );
}

testOnCpu("generate() draws tokens as often as their probabilities say", async () => {
  await startEngine({ threads: 2 });
  const decoder = tinyDecoder({ ...tinyConfig, vocabSize: 8, finalSoftcap: 2 }), n = 4000;
  const softmax = (prefix: number[], temperature: number) => {
    const logits = tf.tidy(
      () => [...tf.slice(decoder.logits([prefix]), [0, prefix.length - 1, 0]).dataSync()],
    );
    const weights = logits.map((x) => Math.exp(x / temperature)), sum = weights.reduce((a, b) => a + b);
    return weights.map((x) => x / sum);
  };
  const count = (tokens: number[]) =>
    Array.from({ length: 8 }, (_, id) => tokens.filter((token) => token === id).length);
  // 30 is passed by chance once in 10,000 with 7 degrees of freedom
  for (const temperature of [0.7, 1, 3]) {
    const samples = await generate(decoder, [[3, 4]], { n, temperature, maxTokens: 2, eosIds: [], seed: 21 }),
      expected = softmax([3, 4], temperature);
    const first = count(samples.map(({ tokens }) => tokens[0])), statistic = chiSquare(first, expected);
    assert.ok(
      statistic < 30,
      `temperature ${temperature}: ${first} of ${n}, expected ${
        expected.map((p) => Math.round(p * n))
      }: ${statistic}`,
    );
    const most = first.indexOf(Math.max(...first)),
      second = count(samples.filter(({ tokens }) => tokens[0] === most).map(({ tokens }) => tokens[1]));
    assert.ok(chiSquare(second, softmax([3, 4, most], temperature)) < 30, `after ${most}: ${second}`);
    for (const { tokens, logprobs } of samples.slice(0, 50)) {
      assert.ok(Math.abs(logprobs[0] - Math.log(expected[tokens[0]])) < 1e-4);
    }
  }
  // top-k leaves k tokens, in the proportions they had
  const filtered = count(
    (await generate(decoder, [[3, 4]], { n, topK: 3, maxTokens: 1, eosIds: [], seed: 5 })).map(({ tokens }) =>
      tokens[0]
    ),
  );
  const all = softmax([3, 4], 1),
    third = [...all].sort((a, b) => b - a)[2],
    kept = all.map((p) => p >= third ? p : 0),
    sum = kept.reduce((a, b) => a + b);
  assert.ok(filtered.every((times, id) => kept[id] > 0 || times === 0), `${filtered}`);
  assert.ok(chiSquare(filtered, kept.map((p) => p / sum)) < 20, `${filtered}`);
  decoder.dispose();
});

testOnCpu("generate() says what is wrong with its options", async () => {
  await startEngine({ threads: 1 });
  const decoder = tinyDecoder(tinyConfig);
  const cases: [number[][], SamplingOptions, RegExp][] = [
    [[[1]], { maxTokens: 0 }, /maxTokens = 0 must be at least 1/],
    [[[1]], { maxTokens: 1.5 }, /maxTokens = 1.5 must be a whole number/],
    [[[1]], { temperature: -1 }, /temperature = -1 must be at least 0/],
    [[[1]], { temperature: NaN }, /temperature = .* must be a number/],
    [[[1]], { topK: -2 }, /topK = -2 must be at least 0/],
    [[[1]], { topP: 0 }, /topP = 0 must be above 0/],
    [[[1]], { topP: 1.1 }, /topP = 1.1 must be at most 1/],
    [[[1]], { minP: 2 }, /minP = 2 must be at most 1/],
    [[[1]], { n: 0 }, /n = 0 must be at least 1/],
    [[[1]], { max_new_tokens: 3 } as SamplingOptions, /max_new_tokens = 3 is not an option; .*`maxTokens`/],
    [[[1], []], { maxTokens: 2 }, /prompts of at least one token/],
    [[[1, 2]], { maxTokens: 63 }, /within the model's 64 positions, got 2 \+ 63; lower maxTokens/],
    [[[70]], { maxTokens: 2 }, /below the vocabulary's size 70, got 70/],
    [[[-1]], { maxTokens: 2 }, /below the vocabulary's size 70, got -1/],
    [[[1.5]], { maxTokens: 2 }, /token ids .* got 1.5/],
  ];
  for (const [prompts, options, message] of cases) {
    await assert.rejects(generate(decoder, prompts, options), (error) => {
      assert.ok(error instanceof RangeError || error instanceof ConfigError);
      assert.match(error.message, message);
      return true;
    });
  }
  // the last position is usable
  const [{ tokens }] = await generate(decoder, [[1, 2]], { maxTokens: 62, temperature: 0, eosIds: [] });
  assert.equal(tokens.length, 62);
  decoder.dispose();
});

testOnCpu("generate() says that the weights are damaged instead of giving tokens that are none", async () => {
  await startEngine({ threads: 1 });
  const decoder = tinyDecoder(tinyConfig),
    norm = decoder.weight("model.norm.weight") as unknown as tf.Variable;
  tf.tidy(() => norm.assign(tf.fill(norm.shape, NaN)));
  const before = tf.memory().numTensors;
  for (const temperature of [0, 1]) {
    for (const sample of [generate, generateReference]) {
      await assert.rejects(
        sample(decoder, [[1, 2]], { maxTokens: 4, temperature }),
        /got NaN: the weights are damaged/,
      );
    }
  }
  assert.ok(tf.memory().numTensors - before <= 4, "only the rotary tables of two bases may be added");
  decoder.dispose();
});

testOnCpu(
  "generate() with topK 1 is greedy at any temperature: the floor is rounded as the logits are",
  async () => {
    await startEngine({ threads: 1 });
    const decoder = tinyDecoder(tinyConfig), all = { maxTokens: 20, eosIds: [] };
    const greedy = (await generate(decoder, prompts, { ...all, temperature: 0 })).map(({ tokens }) => tokens);
    for (const temperature of [0.1, 0.3, 0.7, 0.9, 1.1, 3, 5, 7]) {
      const drawn = await generate(decoder, prompts, { ...all, temperature, topK: 1 });
      assert.deepEqual(drawn.map(({ tokens }) => tokens), greedy, `temperature ${temperature}`);
    }
    decoder.dispose();
  },
);

testOnCpu(
  "generate() draws the same where memory ends: half as many completions at once, said once",
  async () => {
    await startEngine({ threads: 1 });
    const notes: string[] = [], onNote = (text: string) => void notes.push(text);
    const decoder = tinyDecoder(tinyConfig), options = { n: 4, maxTokens: 12, seed: 3, eosIds: [], onNote };
    const draw = () => generate(decoder, [[3, 14, 15], [2, 7], [9, 5, 4]], options);
    const expected = await draw(), { limit } = heapUse, before = heapUse.peak = heapUse.bytes;
    await draw();
    const taken = heapUse.peak - before;
    heapUse.peak = before;
    await generate(decoder, [[3, 14, 15]], { ...options, n: 1 });
    const one = heapUse.peak - before;
    assert.deepEqual(notes, []);
    try {
      // room for half of the twelve completions, and for hardly more than one
      for (const share of [0.6, 0.1]) {
        heapUse.limit = before + one + Math.floor((taken - one) * share);
        for (const [i, { tokens, logprobs }] of (await draw()).entries()) {
          assert.deepEqual(tokens, expected[i].tokens, `${share}`);
          // other rows beside a row round its products otherwise
          logprobs.forEach((value, t) => assert.ok(Math.abs(value - expected[i].logprobs[t]) < 1e-5));
        }
        assert.equal(heapUse.bytes, before);
        assert.equal(notes.length, 1);
        assert.match(notes.pop()!, /^Sampling 12 completions at once did not fit into memory: half as many/);
      }
      heapUse.limit = before;
      await assert.rejects(draw(), HeapError);
    } finally {
      heapUse.limit = limit;
      decoder.dispose();
    }
  },
);
