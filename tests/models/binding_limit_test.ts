import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { installKernels } from "../../lib/kernels/webgpu/install_kernels.ts";
import { Decoder } from "../../lib/models/decoder.ts";
import type { DecoderConfig } from "../../lib/models/decoder_config.ts";
import { generate } from "../../lib/generation/generate.ts";
import { addLora } from "../../lib/models/lora.ts";
import { adamw, globalNorm } from "../../lib/ops/adamw.ts";
import { Layout } from "../../lib/ops/layout.ts";
import { tokenLogprobs } from "../../lib/ops/token_logprobs.ts";
import { assertClose, testOnWebgpu, withBindingLimit } from "../kernels/webgpu/on_webgpu.ts";
import { halved, tinyConfig, tinyDecoder } from "../kernels/webgpu/tiny_decoder.ts";

/** Its vocabulary table takes 576 kB, or 288 in 16 bits, of the 256 that the tests let a kernel bind, as Gemma's takes 671 MB of 128. */
const config: DecoderConfig = {
  ...tinyConfig,
  layers: 1,
  vocabSize: 1000,
  hiddenSize: 96,
  embeddingScale: 3,
};
const limit = 256 << 10, sequences = [[3, 914, 15, 9, 926, 5, 35], [2, 707, 18, 28, 818, 28, 999]];

/** Log-probabilities, the gradients of their sum, their norm, and the weights after an update. */
async function step(): Promise<Float32Array[]> {
  const decoder = tinyDecoder(config), layout = new Layout(sequences);
  const targets = tf.tensor1d(sequences.flatMap((ids) => [...ids.slice(1), 700]), "int32");
  const variables = decoder.parameters().map(({ variable }) => variable);
  const { value, grads } = tf.variableGrads(() => {
    const { logprobs, entropy, hits } = tokenLogprobs(decoder.hidden(layout), decoder.head, targets);
    tf.dispose([entropy, hits]);
    return tf.sum(logprobs);
  }, variables);
  const named = variables.map(({ name }) => grads[name]), norm = await globalNorm(named);
  const read = [Float32Array.of(norm)];
  for (const tensor of [value, ...named]) read.push(Float32Array.from(await tensor.data()));
  for (const [i, variable] of variables.entries()) {
    const [m, v] = [0, 1].map(() => tf.tidy(() => tf.variable(tf.zeros(variable.shape), false)));
    adamw(variable, named[i], { m, v }, {
      learningRate: 0.1,
      beta1: 0.9,
      beta2: 0.99,
      epsilon: 1e-3,
      weightDecay: 0.1,
      step: 1,
      gradientScale: 0.3,
    });
    read.push(Float32Array.from(await variable.data()));
    tf.dispose([m, v]);
  }
  tf.dispose([value, ...named, targets]);
  layout.dispose();
  decoder.dispose();
  return read;
}

testOnWebgpu(
  "a training step on a vocabulary table over the binding limit equals the reference",
  async () => {
    await tf.setBackend("cpu");
    const expected = await step();
    await tf.setBackend("webgpu");
    const undo = installKernels();
    try {
      assertClose(await withBindingLimit(limit, step), expected, 3e-4);
    } finally {
      undo();
    }
  },
);

for (const packed of [false, true]) {
  testOnWebgpu(
    `sampling with a table${
      packed ? " of 16 bits" : ""
    } and logits over the binding limit gives the same tokens`,
    async () => {
      const whole = tinyDecoder(config), options = { n: 40, maxTokens: 4, seed: 3, eosIds: [] };
      const decoder = packed ? await halved(whole) : whole;
      addLora(decoder, { rank: 2 });
      const run = () => generate(decoder, [[3, 914, 15], [2, 707]], options);
      // 80 rows of 1000 logits are 320 kB
      const free = await run(), bound = await withBindingLimit(limit, run);
      assert.deepEqual(bound.map(({ tokens }) => tokens), free.map(({ tokens }) => tokens));
      for (const [i, { logprobs }] of bound.entries()) {
        assertClose([Float32Array.from(logprobs)], [Float32Array.from(free[i].logprobs)], 1e-5);
      }
      assert.ok(new Set(free.flatMap(({ tokens }) => tokens)).size > 100);
      decoder.dispose();
      whole.dispose();
    },
  );
}

testOnWebgpu(
  "a decoder whose table no buffer of the GPU can hold is refused before anything is allocated",
  async () => {
    const { maxBufferSize } = (tf.backend() as unknown as { device: GPUDevice }).device.limits;
    // a tensor that is never written takes no memory
    const shape = [Math.ceil(maxBufferSize / 4 / 144) + 1, 144], table = { shape, data: new Float32Array() };
    assert.throws(
      () => new Decoder(config, [["model.embed_tokens.weight", table]]),
      /model\.embed_tokens\.weight .* takes \d+ bytes, and a buffer of this GPU holds \d+: take the CPU/,
    );
    await Promise.resolve();
  },
);
