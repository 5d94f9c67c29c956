import * as tf from "@tensorflow/tfjs-core";
import type { Pipeline } from "./pipelines.ts";

/** A whole number that recorded launches leave open: each run takes what it is by then. */
export class OpenNumber {
  /** Begins with a value. */
  constructor(public value: number) {}
}

/** What it is now. */
export const valueOf = (number: number | OpenNumber): number =>
  typeof number === "number" ? number : number.value;

/** A launch with everything found: its pipeline, its bind group, and the numbers that go into its uniforms. */
export interface Dispatch {
  pipeline: Pipeline;
  bindGroup: GPUBindGroup;
  /** What it binds. */
  dataIds: object[];
  groups: number;
  flop: number;
  ints: (number | OpenNumber)[];
  floats: number[];
}

/** What is being recorded, if anything. */
let current: { dispatches: Dispatch[]; kept: tf.Tensor[] } | null = null;

/** Called with every launch. */
export function noteDispatch(dispatch: Dispatch): void {
  current?.dispatches.push(dispatch);
}

/** Called with every new tensor: its buffer stays that of the recorded launches, whoever disposes of it. */
export function noteOutput(tensor: tf.Tensor): void {
  current?.kept.push(tf.keep(tf.clone(tensor)));
}

/** Launches that were recorded, with the buffers of the tensors that they made. */
export interface Recorded {
  dispatches: readonly Dispatch[];
  /** Gives the buffers back. */
  dispose(): void;
}

/** Runs `work`, whose launches are recorded while they are made. No launch of tfjs's own may be among them. */
export function recordLaunches(work: () => void): Recorded {
  const { dispatches, kept } = current = { dispatches: [], kept: [] };
  try {
    tf.tidy(work);
  } catch (error) {
    tf.dispose(kept);
    throw error;
  } finally {
    current = null;
  }
  return { dispatches, dispose: () => tf.dispose(kept) };
}
