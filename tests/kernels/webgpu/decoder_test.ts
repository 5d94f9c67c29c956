import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { launchCount } from "../../../lib/kernels/webgpu/program.ts";
import { Decoder } from "../../../lib/models/decoder.ts";
import type { DecoderConfig } from "../../../lib/models/decoder_config.ts";
import { initialWeights } from "../../../lib/models/initial_weights.ts";
import { Layout } from "../../../lib/ops/layout.ts";
import { tokenLogprobs } from "../../../lib/ops/token_logprobs.ts";
import { assertClose, testOnWebgpu } from "./on_webgpu.ts";

const config: DecoderConfig = {
  architecture: "gemma3_text",
  vocabSize: 70,
  hiddenSize: 24,
  intermediateSize: 40,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  rmsEps: 1e-6,
  rmsAddOne: true,
  qkNorm: true,
  postNorms: true,
  activation: "gelu_tanh",
  embeddingScale: Math.sqrt(24),
  queryScale: 8 ** -0.5,
  attentionSoftcap: null,
  finalSoftcap: null,
  tiedEmbeddings: true,
  attentionBias: false,
  outputBias: false,
  mlpBias: false,
  layerWindows: [4, null],
  layerRope: [{ base: 10_000, scaling: null }, { base: 1_000_000, scaling: null }],
  maxPositions: 64,
  bosId: null,
  eosIds: [1],
  padId: 0,
};

// one length, so that both backends lay the rows out alike
const sequences = [[3, 14, 15, 9, 26, 5, 35], [2, 7, 18, 28, 18, 28, 45]];

/** Log-probabilities of the next tokens and the gradients of their sum, on the active backend. */
async function step(): Promise<Float32Array[]> {
  const decoder = new Decoder(config, initialWeights(config, { seed: 7, standardDeviation: 0.2 }));
  const layout = new Layout(sequences),
    targets = tf.tensor1d(sequences.flatMap((ids) => [...ids.slice(1), 1]), "int32");
  const variables = decoder.parameters().map(({ variable }) => variable);
  const value = () => {
    const { logprobs, entropy, hits } = tokenLogprobs(decoder.hidden(layout), decoder.head, targets);
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

testOnWebgpu("a decoder's log-probabilities and gradients agree with the reference operations", async () => {
  await tf.setBackend("cpu");
  const expected = await step();
  await tf.setBackend("webgpu");
  const before = launchCount(), actual = await step();
  console.log(`${launchCount() - before} launches of our kernels`);
  assertClose(actual, expected, 2e-4);
  assert.ok(expected.length > 20);
});
