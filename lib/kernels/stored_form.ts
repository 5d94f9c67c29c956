import type * as tf from "@tensorflow/tfjs";
import { frozenRoom } from "./frozen_room.ts";
import { dequantiseRows, type QuantisedMatrix } from "./quantised_matrix.ts";

/** How the numbers of a frozen matrix lie in its tensor. */
export type StoredKind = "float32" | "float16" | "bfloat16" | "quantised";

/** A stored matrix, apart from its numbers. */
export interface StoredForm extends Pick<QuantisedMatrix, "bits" | "group" | "centre"> {
  kind: StoredKind;
  shape: [rows: number, columns: number];
  offsets: boolean;
}

const forms = new WeakMap<object, StoredForm>();

/** What a matrix is: float32 as tfjs has it, or what {@linkcode halvesRows} and {@linkcode quantisedRows} made. */
export function formOf({ dataId, dtype, shape: [rows, words] }: tf.TensorInfo): StoredForm {
  const plain = { bits: 8, group: 32, centre: 0, offsets: false } as const;
  if (dtype === "float32") return { kind: "float32", shape: [rows, words], ...plain };
  return forms.get(dataId) ?? { kind: "float16", shape: [rows, 2 * words], ...plain };
}

/** A stored matrix that comes row by row. */
export interface StoredRows<Part> {
  /** Rows of the matrix, of which `rowOf` says where they stand. */
  write(rows: Part, rowOf: (row: number) => number): void;
  /** The whole, once every row is there; the caller disposes of it. */
  tensor(): tf.Tensor2D;
  /** Gives it up. */
  drop(): void;
}

/**
 * A matrix in 8 or 4 bits as one tensor, int32 [rows, words]: in each row its codes, then its scales and its offsets as float32, padded to
 * 16 bytes. Products, both ways, and embeddings take it where they take a weight.
 */
export function quantisedRows(
  form: Omit<QuantisedMatrix, "codes" | "scales" | "offsets"> & { offsets: boolean },
): StoredRows<
  QuantisedMatrix
> {
  const { shape: [rows, columns], bits, group, centre, offsets } = form, groups = columns / group;
  const codeBytes = columns * bits / 8,
    words = Math.ceil((codeBytes / 4 + groups * (offsets ? 2 : 1)) / 4) * 4;
  const { values, tensor, drop } = frozenRoom([rows, words], "int32");
  const bytes = new Uint8Array(values.buffer, values.byteOffset, 4 * values.length);
  const reals = new Float32Array(values.buffer, values.byteOffset, values.length);
  return {
    write({ shape: [count], codes, scales, offsets }, rowOf) {
      for (let row = 0; row < count; row++) {
        const first = rowOf(row) * words, behind = first + codeBytes / 4;
        bytes.set(codes.subarray(row * codeBytes, (row + 1) * codeBytes), 4 * first);
        reals.set(scales.subarray(row * groups, (row + 1) * groups), behind);
        if (offsets) reals.set(offsets.subarray(row * groups, (row + 1) * groups), behind + groups);
      }
    },
    tensor: () =>
      withForm(tensor(), { kind: "quantised", shape: [rows, columns], bits, group, centre, offsets }),
    drop,
  };
}

/** Pairs of 16-bit floats as one tensor, int32 [rows, columns / 2]. */
export function halvesRows(
  [rows, columns]: [number, number],
  kind: "float16" | "bfloat16",
): StoredRows<Int32Array> {
  const words = columns / 2, { values, tensor, drop } = frozenRoom([rows, words], "int32");
  return {
    write(part, rowOf) {
      for (let row = 0; row * words < part.length; row++) {
        values.set(part.subarray(row * words, (row + 1) * words), rowOf(row) * words);
      }
    },
    tensor: () =>
      withForm(tensor(), { kind, shape: [rows, columns], bits: 8, group: 32, centre: 0, offsets: false }),
    drop,
  };
}

function withForm(tensor: tf.Tensor2D, form: StoredForm): tf.Tensor2D {
  forms.set(tensor.dataId, form);
  return tensor;
}

/** The tensor of a whole matrix, as {@linkcode quantisedRows} makes it; the caller disposes of it. */
export function quantisedTensor(matrix: QuantisedMatrix): tf.Tensor2D {
  const rows = quantisedRows({ ...matrix, offsets: matrix.offsets !== null });
  rows.write(matrix, (row) => row);
  return rows.tensor();
}

/** The tensor of whole halves, as {@linkcode halvesRows} makes it; the caller disposes of it. */
export function halvesTensor(
  words: Int32Array,
  shape: [number, number],
  kind: "float16" | "bfloat16",
): tf.Tensor2D {
  const rows = halvesRows(shape, kind);
  rows.write(words, (row) => row);
  return rows.tensor();
}

/** The numbers of a matrix in float32, whatever it is stored in. */
export async function storedValues(matrix: tf.Tensor): Promise<Float32Array> {
  const data = await matrix.data();
  if (matrix.dtype === "float32") return data as Float32Array;
  const { kind, shape, bits, group, centre, offsets } = formOf(matrix), [rows, columns] = shape;
  const stored = data as Int32Array;
  if (kind === "float16") {
    return new Float32Array(new Float16Array(stored.buffer, stored.byteOffset, 2 * stored.length));
  }
  const out = new Float32Array(rows * columns);
  if (kind === "bfloat16") {
    const halves = new Uint16Array(stored.buffer, stored.byteOffset, 2 * stored.length),
      words = new Uint32Array(out.buffer);
    for (let i = 0; i < halves.length; i++) words[i] = halves[i] << 16;
    return out;
  }
  const words = stored.length / rows, codeWords = columns * bits / 32, groups = columns / group;
  for (let row = 0; row < rows; row++) {
    const first = row * words;
    const of = (from: number) =>
      new Float32Array(stored.buffer, stored.byteOffset + 4 * (first + codeWords + from), groups);
    const codes = new Uint8Array(stored.buffer, stored.byteOffset + 4 * first, 4 * codeWords);
    dequantiseRows(
      {
        shape: [1, columns],
        bits,
        group,
        centre,
        codes,
        scales: of(0),
        offsets: offsets ? of(groups) : null,
      },
      { from: 0, to: 1, out: out.subarray(row * columns, (row + 1) * columns) },
    );
  }
  return out;
}
