import * as tf from "@tensorflow/tfjs";
import { computeByReference } from "../../lib/kernels/device.ts";
import { generate } from "../../lib/generation/generate.ts";
import type { Decoder } from "../../lib/models/decoder.ts";
import { adamw } from "../../lib/ops/adamw.ts";
import { Layout } from "../../lib/ops/layout.ts";
import { tokenLogprobs } from "../../lib/ops/token_logprobs.ts";
import { backward, disposeGradients } from "../../lib/training/backward.ts";
import { TokenBatch } from "../../lib/training/token_batch.ts";
import { adamwNumbers } from "./adamw_numbers.ts";
import { type GpuMeter, settle, withKernels } from "./gpu_meter.ts";

/** One update of an adapter on sequences of one length, by our kernels and by stock tfjs-webgpu: the losses must agree. */
export async function sftStep(meter: GpuMeter, decoder: Decoder): Promise<void> {
  const batch = meter.tiny ? 2 : 4, length = meter.tiny ? 9 : 128, { vocabSize } = decoder.config;
  const sequences = Array.from(
    { length: batch },
    (_, b) => Array.from({ length }, (_, t) => 3 + (b * 131 + t * 17) % (vocabSize - 3)),
  );
  const layout = new Layout(sequences),
    targets = tf.tensor1d(sequences.flatMap((row) => [...row.slice(1), 1]), "int32");
  const parameters = decoder.parameters().map(({ variable }) => variable);
  const moments = parameters.map(({ shape }) => ({
    m: tf.tidy(() => tf.variable(tf.zeros(shape), false)),
    v: tf.tidy(() => tf.variable(tf.zeros(shape), false)),
  }));
  // a rate of zero, so that every step starts from the same weights and the losses can be compared
  const update = { ...adamwNumbers, learningRate: 0 };
  const losses: number[] = [];
  for (const ours of [true, false]) {
    computeByReference(!ours);
    const step = async () => {
      const { value, grads } = tf.variableGrads(() => {
        const found = tokenLogprobs(decoder.hidden(layout), decoder.head, targets, { tableTrainable: false });
        return tf.neg(tf.mean(found.logprobs)) as tf.Scalar;
      }, parameters);
      for (const [i, parameter] of parameters.entries()) {
        adamw(parameter, grads[parameter.name], moments[i], update);
      }
      losses.push(await settle(value));
      tf.dispose([value, ...Object.values(grads)]);
    };
    await withKernels(ours, () => meter.parts(`sft_step_s_${ours ? "ours" : "stock"}`, step));
  }
  computeByReference(false);
  tf.dispose([targets, ...moments.flatMap(({ m, v }) => [m, v])]);
  layout.dispose();
  if (Math.abs(losses[0] - losses.at(-1)!) > 1e-3) {
    throw new Error(`losses differ: ${losses[0]} and ${losses.at(-1)}`);
  }
}

/** A GRPO step's parts: completions of one prompt, and both passes over them with advantages of ±1. */
export async function grpoStep(meter: GpuMeter, decoder: Decoder): Promise<void> {
  const tokens = meter.tiny ? 4 : 128, n = meter.tiny ? 3 : 8;
  const prompt = Array.from({ length: meter.tiny ? 5 : 64 }, (_, i) => 3 + i * 7 % 400);
  let drawn: { tokens: number[] }[] = [], turn = 0;
  const sample = async () => {
    drawn = await generate(decoder, [prompt], { n, maxTokens: tokens, seed: turn++, eosIds: [] });
  };
  const train = async () => {
    const batch = new TokenBatch(drawn.map(({ tokens }) => ({ prompt, completion: tokens })));
    const { values, gradients } = await backward(decoder, batch, ({ logprobs }) => ({
      loss: 0,
      gradient: logprobs.map((_, i) => (Math.floor(i / tokens) % 2 ? 1 : -1) / logprobs.length),
    }));
    await Promise.all(Object.values(gradients).slice(-1).map((gradient) => gradient.data()));
    if (!values.logprobs.every(Number.isFinite)) throw new Error("log-probabilities are no numbers");
    disposeGradients(gradients);
    batch.dispose();
  };
  await withKernels(true, async () => {
    await meter.parts("grpo_sampling_s_ours", sample);
    await meter.parts("grpo_training_s_ours", train);
  });
}
