import { dequantise } from "./dequantise.ts";
import { ggmlTypeNumber, ggmlTypes } from "./ggml_types.ts";
import { type GgufTensor, type GgufValue, parseGgufHeader } from "./gguf_header.ts";
import { ModelFileError } from "./model_file_error.ts";
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
  static async open(path: string): Promise<GgufFile> {
    let file: Deno.FsFile;
    try {
      file = await Deno.open(path);
    } catch (error) {
      const missing = error instanceof Deno.errors.NotFound;
      throw new ModelFileError(
        `reading ${path}: ${
          missing ? "there is no such file" : error instanceof Error ? error.message : error
        }`,
      );
    }
    try {
      const { size } = await file.stat();
      const { metadata, tensors, dataStart } = parseGgufHeader((target) => file.readSync(target) ?? 0, {
        where: path,
        size,
      });
      return new GgufFile(
        path,
        metadata,
        new Map(tensors.map((tensor) => [tensor.name, tensor])),
        file,
        dataStart,
      );
    } catch (error) {
      file.close();
      throw error;
    }
  }

  async *pieces(
    name: string,
    elements: number = pieceElements,
  ): AsyncGenerator<{ at: number; values: Float32Array }> {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new ModelFileError(`reading ${this.path}: there is no tensor ${name}`);
    const { dtype, start, end } = tensor, read = dequantise[dtype];
    if (!read) {
      throw new ModelFileError(
        `reading ${this.path}: tensor ${name} holds ${dtype}, which is not supported; supported: ${
          Object.keys(dequantise).join(", ")
        }`,
      );
    }
    const type = ggmlTypes.get(ggmlTypeNumber(dtype))!, blocks = (end - start) / type.bytes;
    const most = Math.min(blocks, Math.max(1, Math.floor(elements / type.elements)));
    const bytes = new Uint8Array(most * type.bytes), floats = new Float32Array(most * type.elements);
    for (let block = 0; block < blocks; block += most) {
      const some = Math.min(most, blocks - block), part = bytes.subarray(0, some * type.bytes);
      await this.file.seek(this.dataStart + start + block * type.bytes, Deno.SeekMode.Start);
      for (let filled = 0; filled < part.length;) {
        const got = await this.file.read(part.subarray(filled));
        if (got === null) {
          throw new ModelFileError(`reading ${this.path}: it ends within tensor ${name}; fetch it again`);
        }
        filled += got;
      }
      read(part, floats, some);
      yield { at: block * type.elements, values: floats.subarray(0, some * type.elements) };
    }
  }

  close(): void {
    this.file.close();
  }
}
