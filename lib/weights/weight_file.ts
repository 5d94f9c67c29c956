import type { QuantisedMatrix } from "../kernels/quantised_matrix.ts";

/** What a reader of weights needs of an open file: safetensors and GGUF files are such. */
export interface WeightFile {
  readonly path: string;
  /** Shapes have the slowest dimension first, `[outputs, inputs]` for a matrix. */
  readonly tensors: ReadonlyMap<string, { readonly dtype: string; readonly shape: readonly number[] }>;
  /**
   * One tensor in float32, at most `elements` numbers at a time. `values` is overwritten by the next piece; `at` is where it belongs.
   *
   * @throws {ModelFileError} when there is none of that name, or its numbers are of a kind that is not read
   */
  pieces(name: string, elements?: number): AsyncGenerator<{ at: number; values: Float32Array }>;
  /** A matrix of block numbers without loss, `null` when it holds floats; `rowOf` is the row of the matrix that a stored row is. */
  quantised?(name: string, rowOf?: (stored: number) => number): Promise<QuantisedMatrix | null>;
  close(): void;
}
