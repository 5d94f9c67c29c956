import * as tf from "@tensorflow/tfjs";
import { pcg } from "../../../lib/random/counter_random.ts";
import type { DecodedTokens } from "../../../lib/kernels/kernels.ts";
import { decode } from "../../../lib/kernels/webgpu/decode.ts";
import type { Decoder } from "../../../lib/models/decoder.ts";
import { Layout } from "../../../lib/ops/layout.ts";
import { tokenLogprobs } from "../../../lib/ops/token_logprobs.ts";

/** Completions of two prompts by the decoding kernels. */
export async function sampled(
  decoder: Decoder,
  filter: { topK: number; topP: number; minP: number },
): Promise<DecodedTokens[]> {
  const n = 2, prompts = [[3, 14, 15, 9, 26], [2, 7]];
  return await decode(decoder.describe(64), prompts, {
    ...filter,
    n,
    maxTokens: 6,
    temperature: 1,
    eosIds: [],
    lookEvery: 4,
    seeds: Int32Array.from({ length: prompts.length * n }, (_, row) => pcg(row) | 0),
  });
}

/** Σ log p of next tokens and its gradients, by parameter name. */
export async function trained(
  decoder: Decoder,
  sequences = [[3, 14, 15, 9, 26, 5, 35], [2, 7, 18, 28, 18, 28, 45]],
): Promise<Float32Array[]> {
  const layout = new Layout(sequences),
    targets = tf.tensor1d(sequences.flatMap((ids) => [...ids.slice(1), 1]), "int32");
  const variables = decoder.parameters().map(({ variable }) => variable);
  const { value, grads } = tf.variableGrads(() => {
    const { logprobs, entropy, hits } = tokenLogprobs(decoder.hidden(layout), decoder.head, targets, {
      tableTrainable: decoder.trainBase,
    });
    tf.dispose([entropy, hits]);
    return tf.sum(logprobs) as tf.Scalar;
  }, variables);
  const all = [value, ...variables.map(({ name }) => grads[name])];
  const read = await Promise.all(all.map(async (tensor) => Float32Array.from(await tensor.data())));
  tf.dispose([...all, targets]);
  layout.dispose();
  return read;
}
