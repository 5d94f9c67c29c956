import type * as tf from "@tensorflow/tfjs-core";
import type { OpenNumber } from "./recording.ts";

/** How heads lie in the packed rows [batch·length, (heads + 2·kvHeads)·headDim], and what is done to them. */
export interface HeadsNumbers {
  batch: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Per-head norms of queries and keys [headDim]; both or none. */
  queryNorm?: tf.Tensor1D;
  keyNorm?: tf.Tensor1D;
  /** Whether they get gradients. @default true */
  trainable?: boolean;
  epsilon: number;
  addOne: boolean;
  /** Rotary table [2·positions, headDim/2]: the cosines, below them the sines. */
  rotary: tf.Tensor2D;
  /** Position of the first row, in the cache and in the tables. @default 0 */
  offset?: number | OpenNumber;
  /** First position of each sequence, int32 [batch], where prompts are padded on the left. */
  starts?: tf.Tensor1D;
  /** Position of each row, int32 [rows], where sequences of different length lie behind each other. */
  positions?: tf.Tensor1D;
}

/** Where keys and values go. */
export interface KeyValueCache {
  /** [batch, capacity, kvHeads, headDim] */
  keys: tf.Tensor4D;
  values: tf.Tensor4D;
}

/** Queries, keys and values [batch, length, heads, headDim]; with a cache, the whole caches. */
export interface Heads {
  q: tf.Tensor4D;
  k: tf.Tensor4D;
  v: tf.Tensor4D;
}
