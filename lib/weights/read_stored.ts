import type * as tf from "@tensorflow/tfjs";
import { device } from "../kernels/device.ts";
import type { QuantisedMatrix } from "../kernels/quantised_matrix.ts";
import { halvesRows, quantisedRows, quantisedTensor, type StoredRows } from "../kernels/stored_form.ts";
import { ModelFileError } from "./model_file_error.ts";
import { packHalf } from "./pack_half.ts";
import { quantiseMatrix } from "./quantise_matrix.ts";
import { pieceElements, type ReadWeightOptions } from "./read_weight.ts";
import type { WeightFile } from "./weight_file.ts";

/**
 * How frozen matrices are kept: `file` as the file has them, in 8 or 4 bits, 16 bits or float32; the others whatever it has, though never
 * in more bits than the file.
 */
export type KeptWeights = "float32" | "file" | "bfloat16" | "int8" | "q4";

/** float32 rounded to the nearest bfloat16, two a word. */
function packBfloat16(values: Float32Array): Int32Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length),
    halves = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) halves[i] = (bits[i] + 0x7fff + (bits[i] >>> 16 & 1)) >>> 16;
  return new Int32Array(halves.buffer);
}

/**
 * Reads a matrix into a tensor of few bits, which products and embeddings take where they take a weight; `null` where it is to be float32:
 * the file has it so, the device reads nothing else, or its columns are no multiple of 32. The caller disposes of it.
 *
 * @throws {ModelFileError} naming the file, the tensor and the number that is none
 */
export async function readStored(
  file: WeightFile,
  stored: string,
  { shape, rowOf, kept }: Omit<ReadWeightOptions, "add" | "frozen"> & { kept: KeptWeights },
): Promise<tf.Tensor2D | null> {
  const { halves, quantisedMatrices } = device(),
    [rows, columns] = shape,
    { dtype } = file.tensors.get(stored)!;
  if (kept === "float32" || shape.length !== 2 || columns % 32) return null;
  if (quantisedMatrices && kept !== "bfloat16") {
    const split = await file.quantised?.(stored, rowOf);
    // eight bits of a file stay where four were asked for: a second rounding would cost more than the memory
    if (split) return quantisedTensor(checked(split, file, stored));
  }
  const half = dtype === "F16" || dtype === "BF16";
  const wanted = kept !== "file" ? kept : half ? "bfloat16" : "float32";
  const whole: [number, number] = [rows, columns];
  const pieces = () => wholeRows(file, stored, { columns, rowOf });
  if ((wanted === "int8" || wanted === "q4") && quantisedMatrices) {
    const bits = wanted === "int8" ? 8 : 4;
    const round = (values: Float32Array) => quantiseMatrix(values, [values.length / columns, columns], bits);
    const { codes: _, scales: __, offsets, ...form } = round(new Float32Array(columns));
    return await filled(quantisedRows({ ...form, shape: whole, offsets: offsets !== null }), pieces(), round);
  }
  if (wanted === "float32" || halves === null) return null;
  // a file's float16 stays what it is where the device reads both
  const kind = halves === "bfloat16" && dtype !== "F16" ? "bfloat16" : "float16";
  const round = (values: Float32Array) =>
    kind === "float16" ? packHalf(values, stored) : packBfloat16(values);
  return await filled(halvesRows(whole, kind), pieces(), round);
}

/** Numbers of whole rows, as the file has them one after the other, and where these rows stand in the matrix. */
type WholeRows = AsyncGenerator<{ values: Float32Array; rowOf: (row: number) => number }>;

async function* wholeRows(
  file: WeightFile,
  stored: string,
  { columns, rowOf = (row) => row }: { columns: number; rowOf?: (stored: number) => number },
): WholeRows {
  for await (const { at, values } of file.pieces(stored, columns * Math.ceil(pieceElements / columns))) {
    const bad = values.findIndex((value) => !(Math.abs(value) < Infinity));
    if (bad >= 0) throw damaged(file, stored, values[bad], at + bad);
    yield { values, rowOf: (row) => rowOf(at / columns + row) };
  }
}

/** A matrix piece by piece, so that it never is in memory whole in float32. */
async function filled<Part>(
  rows: StoredRows<Part>,
  pieces: WholeRows,
  round: (values: Float32Array) => Part,
): Promise<tf.Tensor2D> {
  try {
    for await (const { values, rowOf } of pieces) rows.write(round(values), rowOf);
  } catch (error) {
    rows.drop();
    throw error;
  }
  return rows.tensor();
}

function checked(matrix: QuantisedMatrix, file: WeightFile, stored: string): QuantisedMatrix {
  for (const numbers of [matrix.scales, matrix.offsets ?? new Float32Array()]) {
    const bad = numbers.findIndex((value) => !(Math.abs(value) < Infinity));
    if (bad >= 0) throw damaged(file, stored, numbers[bad], bad * matrix.group);
  }
  return matrix;
}

const damaged = ({ path }: WeightFile, stored: string, value: number, at: number) =>
  new ModelFileError(`loading ${path}: tensor ${stored} holds ${value} at ${at}; the weights are damaged`);
