import * as tf from "@tensorflow/tfjs";
import { outerTensor } from "../backend/shared_wasm.ts";

/** Room for the numbers of a matrix that is frozen, to be filled in from wherever they come. */
export interface FrozenRoom<Values> {
  values: Values;
  /** The tensor, once its numbers are there; the caller disposes of it. */
  tensor(): tf.Tensor2D;
  /** Gives the room back instead. */
  drop(): void;
}

/** On the CPU it lies outside tfjs's heap, where kernels read it; elsewhere it becomes a tensor like any other. */
export function frozenRoom(shape: [number, number], dtype: "float32"): FrozenRoom<Float32Array>;
export function frozenRoom(shape: [number, number], dtype: "int32"): FrozenRoom<Int32Array>;
export function frozenRoom(
  shape: [number, number],
  dtype: "float32" | "int32",
): FrozenRoom<Float32Array | Int32Array> {
  const outer = outerTensor(shape, dtype);
  if (outer) {
    return {
      values: outer.values,
      tensor: () => outer.tensor as tf.Tensor2D,
      drop: () => outer.tensor.dispose(),
    };
  }
  const values = new { float32: Float32Array, int32: Int32Array }[dtype](shape[0] * shape[1]);
  return { values, tensor: () => tf.tensor2d(values, shape, dtype), drop() {} };
}
