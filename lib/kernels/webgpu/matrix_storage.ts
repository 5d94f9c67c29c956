import type { QuantisedMatrix } from "../quantised_matrix.ts";
import { formOf, type StoredForm, type StoredKind } from "../stored_form.ts";
import { type Binding, part } from "./binding.ts";

/** How the numbers of a matrix lie in its buffer. */
export interface MatrixStorage {
  kind: StoredKind;
  /** Names it in a pipeline's key. */
  key: string;
  /** Elements of a row in memory, where a row has so many numbers. */
  stored(columns: number): number;
  /** Of a quantised one; see {@linkcode QuantisedMatrix}. */
  quantised?: Pick<QuantisedMatrix, "bits" | "group" | "centre"> & { offsets: boolean };
}

/** As tfjs keeps them. */
export const float32: MatrixStorage = { kind: "float32", key: "f32", stored: (columns) => columns };
const float16: MatrixStorage = { kind: "float16", key: "f16", stored: (columns) => columns / 2 };
const bfloat16: MatrixStorage = { kind: "bfloat16", key: "bf16", stored: (columns) => columns / 2 };

const quantised = new WeakMap<StoredForm, MatrixStorage>();

/** How a matrix is stored; see `stored_form.ts`. */
export function storageOf(matrix: Binding): MatrixStorage {
  const form = formOf(part(matrix).tensor);
  if (form.kind !== "quantised") return { float32, float16, bfloat16 }[form.kind];
  let storage = quantised.get(form);
  if (!storage) quantised.set(form, storage = quantisedStorage(form));
  return storage;
}

function quantisedStorage({ bits, group, centre, offsets }: StoredForm): MatrixStorage {
  return {
    kind: "quantised",
    key: `q${bits}/${group}/${centre}${offsets ? "/offsets" : ""}`,
    // a row begins at a multiple of 16 bytes
    stored: (columns) => Math.ceil((columns * bits / 32 + columns / group * (offsets ? 2 : 1)) / 4) * 4,
    quantised: { bits, group, centre, offsets },
  };
}
