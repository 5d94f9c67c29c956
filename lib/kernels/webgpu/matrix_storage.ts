import type * as tf from "@tensorflow/tfjs-core";
import type { QuantisedMatrix } from "../quantised_matrix.ts";
import { formOf, type StoredForm } from "../stored_form.ts";
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

const quantised = new WeakMap<StoredForm, MatrixStorage>();

/** How a matrix is stored; see `stored_form.ts`. @throws {RangeError} for bfloat16, which WGSL does not unpack */
export function storageOf(matrix: Binding): MatrixStorage {
  const form = formOf(part(matrix).tensor);
  if (form.kind === "bfloat16") {
    throw new RangeError(
      "webgpu reads matrices of bfloat16 as float16: load the model on the device that runs it",
    );
  }
  if (form.kind !== "quantised") return form.kind === "float32" ? float32 : float16;
  let storage = quantised.get(form);
  if (!storage) quantised.set(form, storage = quantisedStorage(form));
  return storage;
}

/** Numbers in a row of a matrix, however it is stored. */
export function columnsStored(matrix: tf.Tensor2D): number {
  const storage = storageOf(matrix);
  return storage.quantised?.columns ?? matrix.shape[1] * (storage.kind === "float16" ? 2 : 1);
}

function quantisedStorage({ shape: [, columns], bits, group, centre, offsets }: StoredForm): MatrixStorage {
  return {
    kind: "quantised",
    key: `q${bits}/${group}/${centre}${offsets ? "/offsets" : ""}`,
    // a row begins at a multiple of 16 bytes
    stored: (columns) => Math.ceil((columns * bits / 32 + columns / group * (offsets ? 2 : 1)) / 4) * 4,
    quantised: { bits, group, centre, offsets, columns },
  };
}
