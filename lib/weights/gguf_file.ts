import type { QuantisedMatrix } from "../kernels/quantised_matrix.ts";
import { dequantise } from "./dequantise.ts";
import { ggmlTypeNumber, ggmlTypes } from "./ggml_types.ts";
import { type GgufTensor, type GgufValue, parseGgufHeader } from "./gguf_header.ts";
import { ModelFileError } from "./model_file_error.ts";
import { openModelFile, readModelBytes } from "./open_model_file.ts";
import { blockSplits } from "./split_blocks.ts";
import type { WeightFile } from "./weight_file.ts";

/** Numbers of a tensor that are read at once. */
const pieceElements = 1 << 21;

/** A GGUF file that is open; close it. */
export class GgufFile implements WeightFile {
  private constructor(
    readonly path: string,
    readonly metadata: ReadonlyMap<string, GgufValue>,
    readonly tensors: ReadonlyMap<string, GgufTensor>,
    readonly file: Deno.FsFile,
    readonly dataStart: number,
  ) {}

  /** Opens a file and checks its header. @throws {ModelFileError} naming the file and what is wrong */
  static open(path: string): Promise<GgufFile> {
    return openModelFile(path, ({ file, size }) => {
      const { metadata, tensors, dataStart } = parseGgufHeader((target) => file.readSync(target) ?? 0, {
        where: path,
        size,
      });
      const named = new Map(tensors.map((tensor) => [tensor.name, tensor]));
      return new GgufFile(path, metadata, named, file, dataStart);
    });
  }

  async *pieces(
    name: string,
    elements: number = pieceElements,
  ): AsyncGenerator<{ at: number; values: Float32Array }> {
    const tensor = this.#tensor(name), read = dequantise[tensor.dtype];
    if (!read) {
      throw new ModelFileError(
        `reading ${this.path}: tensor ${name} holds ${tensor.dtype}, which is not supported; supported: ${
          Object.keys(dequantise).join(", ")
        }`,
      );
    }
    const type = ggmlTypes.get(ggmlTypeNumber(tensor.dtype))!;
    const most = Math.min(blocksOf(tensor), Math.max(1, Math.floor(elements / type.elements)));
    const floats = new Float32Array(most * type.elements);
    for await (const { block, bytes, count } of this.#blocks(tensor, most)) {
      read(bytes, floats, count);
      yield { at: block * type.elements, values: floats.subarray(0, count * type.elements) };
    }
  }

  /**
   * A matrix of block numbers as it stands in the file, split into codes, scales and offsets; `null` when it holds floats.
   *
   * @param rowOf the row of the matrix that a stored row is
   * @throws {ModelFileError} when there is none of that name
   */
  async quantised(
    name: string,
    rowOf: (stored: number) => number = (row) => row,
  ): Promise<QuantisedMatrix | null> {
    const tensor = this.#tensor(name), split = blockSplits[tensor.dtype], [rows, columns] = tensor.shape;
    if (!split || tensor.shape.length !== 2) return null;
    const type = ggmlTypes.get(ggmlTypeNumber(tensor.dtype))!, { bits, group, centre } = split;
    const groups = rows * columns / group, blocksARow = columns / type.elements;
    const codes = new Uint8Array(rows * columns * bits / 8), scales = new Float32Array(groups);
    const offsets = split.hasOffsets ? new Float32Array(groups) : null;
    for await (
      const { block, bytes, count } of this.#blocks(tensor, Math.floor(pieceElements / type.elements))
    ) {
      for (let i = 0; i < count; i++) {
        const row = Math.floor((block + i) / blocksARow),
          to = rowOf(row) * blocksARow + (block + i) % blocksARow;
        const code = to * type.elements * bits / 8, of = to * type.elements / group;
        split.split(bytes, i * type.bytes, { codes, code, scales, offsets, group: of });
      }
    }
    return { shape: [rows, columns], bits, group, centre, codes, scales, offsets };
  }

  #tensor(name: string): GgufTensor {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new ModelFileError(`reading ${this.path}: there is no tensor ${name}`);
    return tensor;
  }

  /** A tensor's blocks, at most `most` at a time; `bytes` is overwritten by the next ones. */
  async *#blocks(
    tensor: GgufTensor,
    most: number,
  ): AsyncGenerator<{ block: number; bytes: Uint8Array; count: number }> {
    const size = ggmlTypes.get(ggmlTypeNumber(tensor.dtype))!.bytes, blocks = blocksOf(tensor);
    const whole = new Uint8Array(Math.min(most, blocks) * size);
    for (let block = 0; block < blocks; block += most) {
      const count = Math.min(most, blocks - block), bytes = whole.subarray(0, count * size);
      await readModelBytes(this, this.dataStart + tensor.start + block * size, bytes);
      yield { block, bytes, count };
    }
  }

  close(): void {
    this.file.close();
  }
}

const blocksOf = ({ dtype, start, end }: GgufTensor) =>
  (end - start) / ggmlTypes.get(ggmlTypeNumber(dtype))!.bytes;
