import * as tf from "@tensorflow/tfjs";
import type { CheckedWebgpuBackend } from "../../lib/backend/webgpu_backend.ts";

/** Passes that are timed at most: a set holds 4,096 timestamps. */
const mostPasses = 2048;

const backend = () => tf.backend() as unknown as CheckedWebgpuBackend;

/** Whether the device writes timestamps; where it does not, only wall time is known. */
export const hasTimestamps = () => backend().device.features.has("timestamp-query");

/** Timestamps around every pass that `work` submits, [begin, end] each, in the device's ticks. */
async function passTicks(work: () => unknown): Promise<[begin: bigint, end: bigint][]> {
  const { device } = backend(),
    querySet = device.createQuerySet({ type: "timestamp", count: 2 * mostPasses });
  const encoders = GPUCommandEncoder.prototype, { beginComputePass } = encoders;
  let passes = 0;
  // a pass that is open already would take launches of `work` unseen
  backend().submitRecorded();
  encoders.beginComputePass = function (this: GPUCommandEncoder, descriptor = {}) {
    if (passes === mostPasses) throw new RangeError(`timing takes at most ${mostPasses} passes`);
    const first = 2 * passes++;
    const timestampWrites = { querySet, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 };
    return beginComputePass.call(this, { ...descriptor, timestampWrites });
  };
  try {
    await work();
    backend().submitRecorded();
  } finally {
    encoders.beginComputePass = beginComputePass;
  }
  if (passes === 0) return (querySet.destroy(), []);
  const size = 16 * passes, { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const resolved = device.createBuffer({ size, usage: QUERY_RESOLVE | COPY_SRC });
  const read = device.createBuffer({ size, usage: COPY_DST | MAP_READ }),
    encoder = device.createCommandEncoder();
  encoder.resolveQuerySet(querySet, 0, 2 * passes, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, read, 0, size);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  const ticks = new BigUint64Array(read.getMappedRange().slice(0));
  for (const made of [resolved, read, querySet]) made.destroy();
  return Array.from({ length: passes }, (_, pass) => [ticks[2 * pass], ticks[2 * pass + 1]]);
}

/**
 * Seconds of a tick by two timestamps some wall time apart. WebGPU promises nanoseconds, and wgpu gives what the card counts where it was
 * not asked to convert (gfx-rs/wgpu#6719): 10 ns on AMD's, 52 or 83 on Intel's.
 */
export function tickSeconds(ticks: number, wall: number): number {
  const found = wall / ticks;
  return Math.abs(found / 1e-9 - 1) < 0.1 ? 1e-9 : found;
}

let tick: number | null = null;

async function measuredTick(): Promise<number> {
  const { device } = backend();
  const empty = async () => {
    const encoder = device.createCommandEncoder();
    encoder.beginComputePass().end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
  };
  const at: number[] = [],
    passes = await passTicks(async () => {
      for (const wait of [0, 200]) {
        await new Promise((resolve) => setTimeout(resolve, wait));
        await empty();
        at.push(performance.now());
      }
    });
  return tickSeconds(Number(passes[1][1] - passes[0][1]), (at[1] - at[0]) / 1000);
}

/** Seconds that the GPU itself was at what `work` submits, by timestamps around its passes; NaN where the device has none. */
export async function gpuSeconds(work: () => unknown): Promise<number> {
  if (!hasTimestamps()) return (await work(), NaN);
  tick ??= await measuredTick();
  const passes = await passTicks(work);
  // a counter may be set back between two of them
  return tick * passes.reduce((sum, [begin, end]) => sum + Math.max(0, Number(end - begin)), 0);
}
