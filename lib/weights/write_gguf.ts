import { dirname, join } from "node:path";
import { ggmlTypeNumber, ggmlTypes } from "./ggml_types.ts";
import { quantiseQ8 } from "./quantise_blocks.ts";

/** A value of metadata with the type that readers look for. */
export type GgufEntry =
  | { type: "uint32" | "float32"; value: number }
  | { type: "bool"; value: boolean }
  | { type: "string"; value: string }
  | { type: "strings"; value: string[] }
  | { type: "int32s" | "float32s"; value: number[] };

/** Types of numbers that are written. */
export type GgufDtype = "F32" | "F16" | "BF16" | "Q8_0";

/** A tensor to be written; its numbers are fetched when their turn comes. */
export interface GgufTensorToWrite {
  name: string;
  /** The slowest dimension first. */
  shape: number[];
  dtype: GgufDtype;
  fetch: () => Promise<Float32Array>;
}

const kinds = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const, alignment = 32;
/** Numbers of a tensor that are written at once: whole blocks. */
const pieceElements = 1 << 21;

/**
 * Writes a GGUF file (version 3), one tensor at a time, under a temporary name, synced and renamed. `check` sees the whole file before
 * it gets its name, and keeps it from getting it by throwing.
 *
 * @throws {RangeError} when a tensor has other numbers than its shape says, or no whole blocks
 */
export async function writeGguf(
  path: string,
  { metadata, tensors, check = () => Promise.resolve() }: {
    metadata: Record<string, GgufEntry>;
    tensors: GgufTensorToWrite[];
    check?: (temporary: string) => Promise<void>;
  },
): Promise<void> {
  const header = new HeaderWriter();
  header.bytes(new TextEncoder().encode("GGUF"));
  header.u32(3);
  header.u64(tensors.length);
  header.u64(Object.keys(metadata).length);
  for (const [key, entry] of Object.entries(metadata)) {
    header.text(key);
    header.entry(entry);
  }
  let at = 0;
  for (const { name, shape, dtype } of tensors) {
    header.text(name);
    header.u32(shape.length);
    for (const length of shape.toReversed()) header.u64(length);
    header.u32(ggmlTypeNumber(dtype));
    header.u64(at);
    at = aligned(at + bytesOf(path, { name, shape, dtype }));
  }
  const temporary = join(dirname(path), `.${crypto.randomUUID()}.gguf`);
  try {
    using file = await Deno.open(temporary, { write: true, createNew: true });
    const write = async (bytes: Uint8Array) => {
      for (let from = 0; from < bytes.length;) from += await file.write(bytes.subarray(from));
    };
    const start = header.done();
    await write(start);
    await write(new Uint8Array(aligned(start.length) - start.length));
    for (const { name, shape, dtype, fetch } of tensors) {
      const values = await fetch(), count = shape.reduce((a, b) => a * b, 1);
      if (values.length !== count) {
        throw new RangeError(
          `writing ${path}: tensor ${name} of shape [${shape}] needs ${count} numbers, got ${values.length}`,
        );
      }
      for (let from = 0; from < count; from += pieceElements) {
        await write(encode(values.subarray(from, from + pieceElements), dtype));
      }
      const bytes = bytesOf(path, { name, shape, dtype });
      await write(new Uint8Array(aligned(bytes) - bytes));
    }
    await file.sync();
    await check(temporary);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  await Deno.rename(temporary, path);
}

const aligned = (at: number) => Math.ceil(at / alignment) * alignment;

function bytesOf(
  path: string,
  { name, shape, dtype }: { name: string; shape: number[]; dtype: GgufDtype },
): number {
  const type = ggmlTypes.get(ggmlTypeNumber(dtype))!, width = shape.at(-1)!;
  if (width % type.elements) {
    throw new RangeError(
      `writing ${path}: tensor ${name} has rows of ${width}, which are no whole blocks of ${type.elements} (${dtype})`,
    );
  }
  return shape.reduce((a, b) => a * b, 1) / type.elements * type.bytes;
}

function encode(values: Float32Array, dtype: GgufDtype): Uint8Array {
  const bytes = (array: { buffer: ArrayBufferLike; byteOffset: number; byteLength: number }) =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  if (dtype === "F32") return bytes(values);
  if (dtype === "F16") return bytes(new Float16Array(values));
  if (dtype === "Q8_0") return quantiseQ8(values);
  const bits = new Uint32Array(values.slice().buffer);
  return bytes(Uint16Array.from(bits, (word) => word + 0x7fff + (word >>> 16 & 1) >>> 16));
}

class HeaderWriter {
  #parts: Uint8Array[] = [];

  bytes(bytes: Uint8Array): void {
    this.#parts.push(bytes);
  }

  #number(size: number, set: (view: DataView) => void): void {
    const bytes = new Uint8Array(size);
    set(new DataView(bytes.buffer));
    this.bytes(bytes);
  }

  u32(value: number): void {
    this.#number(4, (view) => view.setUint32(0, value, true));
  }

  u64(value: number): void {
    this.#number(8, (view) => view.setBigUint64(0, BigInt(value), true));
  }

  text(text: string): void {
    const utf8 = new TextEncoder().encode(text);
    this.u64(utf8.length);
    this.bytes(utf8);
  }

  entry(entry: GgufEntry): void {
    switch (entry.type) {
      case "string":
        this.u32(kinds.string);
        return this.text(entry.value);
      case "bool":
        this.u32(kinds.bool);
        return this.bytes(new Uint8Array([Number(entry.value)]));
      case "strings":
        this.#list(kinds.string, entry.value.length);
        return entry.value.forEach((text) => this.text(text));
      case "int32s":
        this.#list(kinds.int32, entry.value.length);
        return this.bytes(new Uint8Array(new Int32Array(entry.value).buffer));
      case "float32s":
        this.#list(kinds.float32, entry.value.length);
        return this.bytes(new Uint8Array(new Float32Array(entry.value).buffer));
      case "float32":
        this.u32(kinds.float32);
        return this.#number(4, (view) => view.setFloat32(0, entry.value, true));
      default:
        this.u32(kinds[entry.type]);
        return this.u32(entry.value);
    }
  }

  #list(kind: number, length: number): void {
    this.u32(kinds.array);
    this.u32(kind);
    this.u64(length);
  }

  done(): Uint8Array {
    const whole = new Uint8Array(this.#parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}
