import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import type { DecoderConfig } from "../../../lib/models/decoder_config.ts";
import type { Decoder } from "../../../lib/models/decoder.ts";
import { addLora } from "../../../lib/models/lora.ts";
import { Layout } from "../../../lib/ops/layout.ts";
import { tokenLogprobs } from "../../../lib/ops/token_logprobs.ts";
import { assertClose, testOnWebgpu } from "./on_webgpu.ts";
import { plainConfig, tinyConfig, tinyDecoder } from "./tiny_decoder.ts";

// one length, so that both backends lay the rows out alike
const sequences = [[3, 14, 15, 9, 26, 5, 35], [2, 7, 18, 28, 18, 28, 45]];

/** Log-probabilities of the next tokens and the gradients of their sum, on the active backend. */
async function step(
  config: DecoderConfig,
  prepare: (decoder: Decoder) => void = () => {},
): Promise<Float32Array[]> {
  const decoder = tinyDecoder(config);
  prepare(decoder);
  const layout = new Layout(sequences),
    targets = tf.tensor1d(sequences.flatMap((ids) => [...ids.slice(1), 1]), "int32");
  const variables = decoder.parameters().map(({ variable }) => variable);
  const value = () => {
    const { logprobs, entropy, hits } = tokenLogprobs(decoder.hidden(layout), decoder.head, targets, {
      tableTrainable: decoder.trainBase,
    });
    tf.dispose([entropy, hits]);
    return tf.sum(logprobs) as tf.Scalar;
  };
  const { value: sum, grads } = tf.variableGrads(value, variables);
  const named = variables.map(({ name }) => grads[name]);
  const read = await Promise.all(
    [sum, ...named].map(async (tensor) => Float32Array.from(await tensor.data())),
  );
  tf.dispose([sum, ...named, targets]);
  layout.dispose();
  decoder.dispose();
  return read;
}

for (const config of [tinyConfig, plainConfig]) {
  testOnWebgpu(
    `a decoder's log-probabilities and gradients agree with the reference operations: ${config.architecture}`,
    async () => {
      await tf.setBackend("cpu");
      const expected = await step(config);
      await tf.setBackend("webgpu");
      assertClose(await step(config), expected, 2e-4);
      assert.ok(expected.length > 20);
    },
  );
}

/** Dispatches of one layer, stock kernels of tfjs included: in the forward pass, and in the backward pass of a step. */
async function layerCosts(prepare: (decoder: Decoder) => void): Promise<number[]> {
  const passes = GPUComputePassEncoder.prototype, { dispatchWorkgroups } = passes;
  let count = 0;
  passes.dispatchWorkgroups = function (this: GPUComputePassEncoder, ...sizes: [number, number?, number?]) {
    count++;
    return dispatchWorkgroups.apply(this, sizes);
  };
  try {
    const costs: number[][] = [];
    for (const layers of [1, 2]) {
      const config = { ...tinyConfig, layers }, decoder = tinyDecoder(config), layout = new Layout(sequences);
      prepare(decoder);
      count = 0;
      tf.tidy(() => void decoder.hidden(layout));
      const forward = count;
      layout.dispose();
      decoder.dispose();
      count = 0;
      await step(config, prepare);
      costs.push([forward, count - forward]);
    }
    return [costs[1][0] - costs[0][0], costs[1][1] - costs[0][1]];
  } finally {
    passes.dispatchWorkgroups = dispatchWorkgroups;
  }
}

testOnWebgpu(
  "a layer of Gemma 3 takes 11 launches forward and 29 backward with all weights trained",
  async () => {
    assert.deepEqual(await layerCosts(() => {}), [11, 29]);
  },
);

testOnWebgpu(
  "a layer of Gemma 3 takes 19 launches forward and 42 backward with LoRA on all linear layers",
  async () => {
    assert.deepEqual(await layerCosts((decoder) => void addLora(decoder, { rank: 2 })), [19, 42]);
  },
);
