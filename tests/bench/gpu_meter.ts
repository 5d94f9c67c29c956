import * as tf from "@tensorflow/tfjs";
import process from "node:process";
import { installKernels } from "../../lib/kernels/webgpu/install_kernels.ts";
import type { BenchBudget } from "./gpu_budget.ts";
import { gpuSeconds, hasTimestamps } from "./gpu_time.ts";

/** A figure, and what the card could at best do by the same run's copy bandwidth or best product, in the same unit. */
export interface GpuFigure {
  name: string;
  unit: "µs" | "ms" | "s" | "GB/s" | "TFLOP/s" | "tokens/s" | "count";
  value: number;
  /** The most of a rate, the least of a time. */
  floor?: { of: string; value: number };
}

/** Measures for a bench and keeps the figures. */
export class GpuMeter {
  /** In the order of measuring. */
  readonly figures: GpuFigure[] = [];

  /** @param tiny sizes for a software adapter */
  constructor(readonly tiny: boolean, readonly budget: BenchBudget) {}

  /** Keeps a figure and prints it. */
  say(figure: GpuFigure): void {
    this.figures.push(figure);
    const { name, unit, value } = figure;
    console.log(`${name.padEnd(44)} ${Number.isNaN(value) ? "not told" : value.toPrecision(4)} ${unit}`);
  }

  /** Median seconds of `work` by the clock; it ends with a read-back. */
  wall(work: () => Promise<unknown>): Promise<number> {
    return this.budget.median(async () => {
      const from = performance.now();
      await work();
      return (performance.now() - from) / 1000;
    });
  }

  /** Median wall seconds of `work`, said with the GPU's, of a run with timestamps, and with those that this thread was busy recording. */
  async parts(name: string, work: () => Promise<unknown>): Promise<number> {
    const busy: number[] = [];
    const wall = await this.wall(async () => {
      const before = process.threadCpuUsage();
      await work();
      const { user, system } = process.threadCpuUsage(before);
      busy.push((user + system) / 1e6);
    });
    // the clock of a thread goes by 10 ms on Linux: a mean, without the run that compiles
    const recording = busy.slice(1).reduce((sum, one) => sum + one, 0) / (busy.length - 1);
    this.say({ name, unit: "s", value: wall });
    this.say({ name: `${name}, of the GPU`, unit: "s", value: await gpuSeconds(work) });
    this.say({ name: `${name}, of recording`, unit: "s", value: recording });
    return wall;
  }

  /** The GPU's seconds for each of `runs` launches that `record` makes; by the clock where there are no timestamps. */
  async each(record: () => void, runs: number): Promise<number> {
    if (!hasTimestamps()) return await this.wallEach(record, runs);
    const all = () => {
      for (let i = 0; i < runs; i++) record();
    };
    return await this.budget.median(() => gpuSeconds(all)) / runs;
  }

  /** The same by the clock: four times as many less once as many, so that the read-back falls out; NaN below the clock. */
  async wallEach(record: () => void, runs: number): Promise<number> {
    const last = tf.zeros([1]);
    const take = (count: number) =>
      this.wall(async () => {
        for (let i = 0; i < count; i++) record();
        await settle(last);
      });
    const once = await take(runs), more = await take(4 * runs);
    last.dispose();
    return more > once ? (more - once) / (3 * runs) : NaN;
  }
}

/** The tensor's first number: waits for all that came before, and costs one read-back. */
export async function settle(tensor: tf.Tensor): Promise<number> {
  const one = tf.tidy(() => tf.slice(tf.reshape(tensor, [-1]), [0], [1])), [value] = await one.data();
  one.dispose();
  return value;
}

/** Runs with our kernels in tfjs's place, or with tfjs's own. */
export async function withKernels<T>(ours: boolean, run: () => Promise<T>): Promise<T> {
  const undo = installKernels();
  if (!ours) undo();
  try {
    return await run();
  } finally {
    if (ours) undo();
  }
}
