import * as tf from "@tensorflow/tfjs-core";
import type { QuantisedMatrix } from "../quantised_matrix.ts";
import { type Binding, part } from "./binding.ts";

/** How the numbers of a matrix lie in its buffer. */
export interface MatrixStorage {
  kind: "float32" | "float16" | "quantised";
  /** Names it in a pipeline's key. */
  key: string;
  /** Elements of a row in memory, where a row has so many numbers. */
  stored(columns: number): number;
  /** Of a quantised one; see {@linkcode QuantisedMatrix}. */
  quantised?: Pick<QuantisedMatrix, "bits" | "group" | "centre"> & { offsets: boolean; columns: number };
}

/** As tfjs keeps them. */
export const float32: MatrixStorage = { kind: "float32", key: "f32", stored: (columns) => columns };
const float16: MatrixStorage = { kind: "float16", key: "f16", stored: (columns) => columns / 2 };

const quantised = new WeakMap<object, MatrixStorage>();

/** How a matrix is stored: int32 holds what {@linkcode quantisedTensor} made, or else pairs of 16-bit floats as `packHalf` makes them. */
export function storageOf(matrix: Binding): MatrixStorage {
  const { tensor } = part(matrix);
  return tensor.dtype === "float32" ? float32 : quantised.get(tensor.dataId) ?? float16;
}

/** Numbers in a row of a matrix, however it is stored. */
export function columnsStored(matrix: tf.Tensor2D): number {
  const storage = storageOf(matrix);
  return storage.quantised?.columns ?? matrix.shape[1] * (storage.kind === "float16" ? 2 : 1);
}

function quantisedStorage(
  { shape: [, columns], bits, group, centre, offsets }: QuantisedMatrix,
): MatrixStorage {
  return {
    kind: "quantised",
    key: `q${bits}/${group}/${centre}${offsets ? "/offsets" : ""}`,
    // a row begins at a multiple of 16 bytes
    stored: (columns) => Math.ceil((columns * bits / 32 + columns / group * (offsets ? 2 : 1)) / 4) * 4,
    quantised: { bits, group, centre, offsets: offsets !== null, columns },
  };
}

/**
 * A matrix in 8 or 4 bits as one tensor, int32 [rows, words]: in each row its codes, then its scales and its offsets as float32, padded to
 * 16 bytes. Products, both ways, and embeddings take it where they take a weight; the caller disposes of it.
 */
export function quantisedTensor(matrix: QuantisedMatrix): tf.Tensor2D {
  const { shape: [rows, columns], bits, group, codes, scales, offsets } = matrix;
  const storage = quantisedStorage(matrix), width = storage.stored(columns), groups = columns / group;
  const words = new Int32Array(rows * width), bytes = new Uint8Array(words.buffer);
  const reals = new Float32Array(words.buffer), codeBytes = columns * bits / 8;
  for (let row = 0; row < rows; row++) {
    const first = row * width, behind = first + codeBytes / 4;
    bytes.set(codes.subarray(row * codeBytes, (row + 1) * codeBytes), 4 * first);
    reals.set(scales.subarray(row * groups, (row + 1) * groups), behind);
    if (offsets) reals.set(offsets.subarray(row * groups, (row + 1) * groups), behind + groups);
  }
  const tensor = tf.tensor2d(words, [rows, width], "int32");
  quantised.set(tensor.dataId, storage);
  return tensor;
}
