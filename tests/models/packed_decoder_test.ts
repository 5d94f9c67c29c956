import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { Decoder } from "../../lib/models/decoder.ts";
import type { DecoderConfig } from "../../lib/models/decoder_config.ts";
import { generate } from "../../lib/generation/generate.ts";
import { addLora } from "../../lib/models/lora.ts";
import { Layout } from "../../lib/ops/layout.ts";
import { tokenLogprobs } from "../../lib/ops/token_logprobs.ts";
import { assertClose, normal, testOnWebgpu } from "../kernels/webgpu/on_webgpu.ts";
import { halved, plainConfig, tinyConfig, tinyDecoder } from "../kernels/webgpu/tiny_decoder.ts";

const sequences = [[3, 14, 15, 9, 26, 5, 35], [2, 7, 18, 28, 18, 28, 45]];

/** With an adapter whose B is not zero, so that both of its matrices get gradients. */
function adapted(config: DecoderConfig): Decoder {
  const decoder = tinyDecoder(config);
  addLora(decoder, { rank: 4, targets: "all" });
  for (const [i, { b }] of [...decoder.lora.values()].entries()) {
    tf.tidy(() => b.assign(tf.tensor2d(normal(b.shape, i + 1, 0.1).data as Float32Array, b.shape)));
  }
  return decoder;
}

/** Logits, log-probabilities and the adapter's gradients. */
async function results(decoder: Decoder): Promise<Float32Array[]> {
  const layout = new Layout(sequences),
    targets = tf.tensor1d(sequences.flatMap((ids) => [...ids.slice(1), 1]), "int32");
  const variables = decoder.parameters().map(({ variable }) => variable), logits = decoder.logits(sequences);
  const { value, grads } = tf.variableGrads(() => {
    const found = tokenLogprobs(decoder.hidden(layout), decoder.head, targets, { tableTrainable: false });
    tf.dispose([found.entropy, found.hits]);
    return tf.sum(found.logprobs);
  }, variables);
  const all = [logits, value, ...variables.map(({ name }) => grads[name])];
  const read = await Promise.all(all.map(async (tensor) => Float32Array.from(await tensor.data())));
  tf.dispose([...all, targets]);
  layout.dispose();
  return read;
}

for (const config of [tinyConfig, plainConfig]) {
  testOnWebgpu(
    `a base in 16 bits takes half the memory and keeps what it computes: ${config.architecture}`,
    async () => {
      const whole = adapted(config), expected = await results(whole);
      const matrices = whole.names.filter((name) => whole.shape(name).length === 2);
      const numbers = matrices.reduce((sum, name) => sum + whole.shape(name).reduce((a, b) => a * b, 1), 0);
      const shapes = matrices.map((name) => whole.shape(name)), weights = await whole.values(matrices[0]);
      const before = tf.memory().numBytes, decoder = await halved(whole);
      const others = whole.names.filter((name) => whole.shape(name).length === 1);
      const rest = others.reduce((sum, name) => sum + whole.shape(name)[0], 0);
      assert.equal(tf.memory().numBytes - before, 2 * numbers + 4 * rest);
      decoder.addAdapter(new Map([...whole.lora]));
      assert.deepEqual(matrices.map((name) => decoder.shape(name)), shapes);
      assert.deepEqual(await decoder.values(matrices[0]), new Float32Array(new Float16Array(weights)));
      const actual = await results(decoder);
      // float16 keeps 11 bits: 5e-4 of a weight
      assertClose(actual, expected, 4e-3);
      assert.ok(actual[0].some((value, i) => value !== expected[0][i]));
      assert.ok(actual.length > 20);
      assert.throws(() => decoder.weight(matrices[0]), /kept in few bits/);
      decoder.dispose();
      whole.dispose();
    },
  );
}

testOnWebgpu(
  "a packed decoder samples, merges and copies like one with the same rounded weights",
  async () => {
    const whole = adapted(tinyConfig), packed = await halved(whole);
    packed.addAdapter(new Map([...whole.lora]));
    const rounded = new Decoder(
      tinyConfig,
      await Promise.all(
        packed.names.map(async (name): Promise<[string, { shape: number[]; data: Float32Array }]> => {
          const shape = packed.shape(name), data = (await packed.values(name)).slice();
          return [name, {
            shape,
            data: shape.length === 2 ? new Float32Array(new Float16Array(data)) : data,
          }];
        }),
      ),
    );
    const pairs = new Map([...packed.lora]);
    rounded.addAdapter(pairs);
    const options = { maxTokens: 8, n: 3, seed: 4, temperature: 1.1 };
    const [actual, expected] = [
      await generate(packed, sequences, options),
      await generate(rounded, sequences, options),
    ];
    assert.deepEqual(actual.map(({ tokens }) => tokens), expected.map(({ tokens }) => tokens));
    const name = "model.layers.1.mlp.down_proj.weight", copy = await packed.copy();
    assertClose([await packed.merged(name)], [await rounded.merged(name)], 1e-6);
    assertClose([await copy.values(name)], [await rounded.merged(name)], 1e-6);
    packed.removeAdapter("default");
    assert.equal(packed.trainBase, false);
    for (const decoder of [whole, packed, rounded, copy]) decoder.dispose();
  },
);
