import * as tf from "@tensorflow/tfjs";
import { generate } from "../../lib/generation/generate.ts";
import type { Decoder } from "../../lib/models/decoder.ts";
import { backward, disposeGradients } from "../../lib/training/backward.ts";
import { TokenBatch } from "../../lib/training/token_batch.ts";

/** Median seconds of a GRPO step's parts: completions of one prompt, and both passes over them with advantages of ±1. */
export async function grpoStep(
  decoder: Decoder,
  { prompt, completions, tokens }: { prompt: number; completions: number; tokens: number },
  times: number,
): Promise<{ sampling: number; training: number }> {
  const ids = Array.from({ length: prompt }, (_, i) => 3 + i * 7 % 400), taken: number[][] = [];
  for (let turn = 0; turn <= times; turn++) {
    const begun = performance.now();
    const drawn = await generate(decoder, [ids], {
      n: completions,
      maxTokens: tokens,
      seed: turn,
      eosIds: [],
    });
    const sampled = performance.now();
    const batch = new TokenBatch(drawn.map(({ tokens }) => ({ prompt: ids, completion: tokens })));
    const { values, gradients } = await backward(decoder, batch, ({ logprobs }) => ({
      loss: 0,
      gradient: logprobs.map((_, i) => (Math.floor(i / tokens) % 2 ? 1 : -1) / logprobs.length),
    }));
    await Promise.all(Object.values(gradients).slice(-1).map((gradient) => gradient.data()));
    if (!values.logprobs.every(Number.isFinite)) throw new Error("log-probabilities are no numbers");
    disposeGradients(gradients);
    batch.dispose();
    taken.push([sampled - begun, performance.now() - sampled]);
  }
  const median = (part: number) =>
    taken.slice(1).map((one) => one[part] / 1000).sort((a, b) => a - b)[times >> 1];
  return { sampling: median(0), training: median(1) };
}

/** Passes that are timed at most: a set holds 4,096 timestamps. */
const mostPasses = 2048;

/** Seconds that the GPU itself was at what `work` submits, by timestamps around its passes; NaN where the adapter has none. */
export async function gpuSeconds(work: () => Promise<unknown>): Promise<number> {
  const { device } = tf.backend() as unknown as { device: GPUDevice };
  if (!device.features.has("timestamp-query")) {
    await work();
    return NaN;
  }
  const querySet = device.createQuerySet({ type: "timestamp", count: 2 * mostPasses });
  const encoders = GPUCommandEncoder.prototype, { beginComputePass } = encoders;
  let passes = 0;
  encoders.beginComputePass = function (this: GPUCommandEncoder, descriptor = {}) {
    if (passes === mostPasses) throw new RangeError(`timing takes at most ${mostPasses} passes`);
    const first = 2 * passes++;
    const timestampWrites = { querySet, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 };
    return beginComputePass.call(this, { ...descriptor, timestampWrites });
  };
  try {
    await work();
  } finally {
    encoders.beginComputePass = beginComputePass;
  }
  const size = 16 * passes, { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const resolved = device.createBuffer({ size, usage: QUERY_RESOLVE | COPY_SRC });
  const read = device.createBuffer({ size, usage: COPY_DST | MAP_READ }),
    encoder = device.createCommandEncoder();
  encoder.resolveQuerySet(querySet, 0, 2 * passes, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, read, 0, size);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  const nanoseconds = new BigUint64Array(read.getMappedRange().slice(0));
  for (const made of [resolved, read, querySet]) made.destroy();
  let sum = 0;
  for (let pass = 0; pass < passes; pass++) sum += Number(nanoseconds[2 * pass + 1] - nanoseconds[2 * pass]);
  return sum / 1e9;
}
