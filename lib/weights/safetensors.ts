import { dirname, join } from "node:path";
import { ModelFileError } from "./model_file_error.ts";
import { openModelFile, readModelBytes } from "./open_model_file.ts";

/** How a tensor's numbers are stored, of the types that are read and written. */
export type TensorDtype = "F32" | "F16" | "BF16" | "I32" | "U8";

/** A tensor to be written; 16-bit types are made from floats. */
export interface TensorToWrite {
  shape: readonly number[];
  data: Float32Array | Int32Array | Uint8Array;
  /** @default F32 for floats, I32 and U8 for integers */
  dtype?: TensorDtype;
}

/** Floats that are fetched when their turn to be written comes, so that one tensor at a time is in memory. */
export interface TensorToFetch {
  shape: readonly number[];
  fetch: () => Promise<Float32Array>;
  /** @default F32 */
  dtype?: "F32" | "F16" | "BF16";
}

/** A tensor that was read; F16 and BF16 are widened to floats, F64 is rounded to them. */
export interface ReadTensor {
  shape: number[];
  /** F32 for F64 too. */
  dtype: TensorDtype;
  data: Float32Array | Int32Array | Uint8Array;
}

/** Where a tensor's bytes lie within the data section. */
export interface TensorEntry {
  name: string;
  /** One of the format's types, also of those that are not read. */
  dtype: string;
  shape: number[];
  start: number;
  end: number;
}

/** Bits of a number, by the format's types. */
const bits: Record<string, number> = {
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  I64: 64,
  U64: 64,
  F64: 64,
};
const bytesOf = (dtype: string) => bits[dtype] / 8;
const headerLimit = 100_000_000;
/** Numbers of a tensor that are read or written at once. */
const pieceElements = 1 << 21;

/**
 * Checks a header against the format: known types, shapes that fill their bytes, no overlap, no gap, nothing past the end. Throws
 * before anything is allocated for the data.
 *
 * @param bytes the header's JSON
 * @param dataLength how many bytes follow it
 */
export function parseSafetensorsHeader(
  bytes: Uint8Array,
  { where, dataLength }: { where: string; dataLength: number },
): { tensors: TensorEntry[]; metadata: Record<string, string> } {
  const fail = (rule: string): never => {
    throw new ModelFileError(
      `reading ${where}: ${rule}; the file is damaged or not a safetensors file, fetch it again`,
    );
  };
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    fail("the header is not JSON");
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    fail("the header is not a JSON object");
  }
  const tensors: TensorEntry[] = [],
    { __metadata__: metadata = {}, ...entries } = header as Record<string, unknown>;
  if (
    typeof metadata !== "object" || metadata === null ||
    Object.values(metadata).some((value) => typeof value !== "string")
  ) fail("__metadata__ is not a table of strings");
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as {
      dtype?: string;
      shape?: unknown;
      data_offsets?: unknown;
    };
    if (typeof dtype !== "string" || !Object.hasOwn(bits, dtype)) {
      fail(
        `tensor ${name} has the type ${JSON.stringify(dtype)}; the format has ${
          Object.keys(bits).join(", ")
        }`,
      );
    }
    const whole = (list: unknown): list is number[] =>
      Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0);
    if (!whole(shape)) {
      fail(`tensor ${name} has the shape ${JSON.stringify(shape)}, which is not a list of whole numbers`);
    }
    if (!whole(offsets) || offsets.length !== 2) {
      fail(
        `tensor ${name} has the offsets ${JSON.stringify(offsets)}, which are not a pair of whole numbers`,
      );
    }
    const [start, end] = offsets as [number, number],
      expected = (shape as number[]).reduce((a, b) => a * b, 1) * bytesOf(dtype!);
    if (end - start !== expected) {
      fail(
        `tensor ${name} of shape [${shape}] and type ${dtype} needs ${expected} bytes, its offsets give ${
          end - start
        }`,
      );
    }
    if (end > dataLength) fail(`tensor ${name} ends at byte ${end} of ${dataLength}: the file is cut short`);
    tensors.push({ name, dtype: dtype!, shape: shape as number[], start, end });
  }
  tensors.sort((a, b) => a.start - b.start || a.end - b.end);
  let at = 0;
  for (const { name, start, end } of tensors) {
    if (start !== at) fail(`tensor ${name} begins at byte ${start}, not where the one before ends (${at})`);
    at = end;
  }
  if (at !== dataLength) fail(`the tensors take ${at} bytes of data, the file has ${dataLength}`);
  return { tensors, metadata: metadata as Record<string, string> };
}

/** Widens 16-bit floats. */
function widen(
  words: Uint16Array,
  dtype: "F16" | "BF16",
  out = new Float32Array(words.length),
): Float32Array {
  if (dtype === "F16") out.set(new Float16Array(words.buffer, words.byteOffset, words.length));
  else {
    const bits = new Uint32Array(out.buffer, out.byteOffset, words.length);
    for (let i = 0; i < words.length; i++) bits[i] = words[i] << 16;
  }
  return out;
}

/** Narrows floats to 16 bits, to the nearest, ties to even. */
function narrow(data: Float32Array, dtype: "F16" | "BF16"): Uint16Array {
  if (dtype === "F16") return new Uint16Array(new Float16Array(data).buffer);
  const out = new Uint16Array(data.length), bits = new Uint32Array(Float32Array.from(data).buffer);
  for (let i = 0; i < data.length; i++) {
    const word = bits[i], isNaN = (word & 0x7fffffff) > 0x7f800000;
    out[i] = isNaN ? word >>> 16 | 64 : word + 0x7fff + (word >>> 16 & 1) >>> 16;
  }
  return out;
}

/** A safetensors file that is open; close it. */
export class SafetensorsFile {
  private constructor(
    readonly path: string,
    readonly tensors: Map<string, TensorEntry>,
    readonly metadata: Record<string, string>,
    readonly file: Deno.FsFile,
    readonly dataStart: number,
  ) {}

  /** Opens a file and checks its header. @throws {ModelFileError} naming the file and what is wrong */
  static open(path: string): Promise<SafetensorsFile> {
    return openModelFile(path, async ({ file, size }) => {
      if (size < 8) {
        throw new ModelFileError(
          `reading ${path}: a safetensors file has at least 8 bytes, this one has ${size}; fetch it again`,
        );
      }
      const head = new Uint8Array(8);
      await readModelBytes({ file, path }, 0, head);
      const length = Number(new DataView(head.buffer).getBigUint64(0, true));
      if (length > headerLimit || length > size - 8) {
        throw new ModelFileError(
          `reading ${path}: the header should take ${length} bytes, but ${
            length > size - 8 ? `only ${size - 8} follow` : `at most ${headerLimit} are allowed`
          }; the file is cut short or not a safetensors file`,
        );
      }
      const header = new Uint8Array(length);
      await readModelBytes({ file, path }, 8, header);
      const { tensors, metadata } = parseSafetensorsHeader(header, {
        where: path,
        dataLength: size - 8 - length,
      });
      const named = new Map(tensors.map((entry) => [entry.name, entry]));
      return new SafetensorsFile(path, named, metadata, file, 8 + length);
    });
  }

  /** Reads one tensor. @throws {ModelFileError} when there is none of that name */
  async read(name: string): Promise<ReadTensor> {
    const entry = this.tensors.get(name);
    if (!entry) throw new ModelFileError(`reading ${this.path}: there is no tensor ${name}`);
    const { dtype, shape, start, end } = entry;
    if (!["F32", "F64", "F16", "BF16", "I32", "U8"].includes(dtype)) {
      throw new ModelFileError(
        `reading ${this.path}: tensor ${name} holds ${dtype}, which is not supported; supported: F32, F64, F16, BF16, I32, U8`,
      );
    }
    const { buffer } = await this.#bytes(start, new Uint8Array(end - start));
    const data = dtype === "F32"
      ? new Float32Array(buffer)
      : dtype === "I32"
      ? new Int32Array(buffer)
      : dtype === "U8"
      ? new Uint8Array(buffer)
      : dtype === "F64"
      ? new Float32Array(new Float64Array(buffer))
      : widen(new Uint16Array(buffer), dtype as "F16" | "BF16");
    return { shape, dtype: dtype === "F64" ? "F32" : dtype as TensorDtype, data };
  }

  /**
   * One tensor of floats, a piece at a time and widened, for tensors that must not be in memory twice. `values` is overwritten by the
   * next piece; `at` is where it belongs.
   *
   * @throws {ModelFileError} when there is none of that name, or it holds no floats
   */
  async *pieces(
    name: string,
    elements: number = pieceElements,
  ): AsyncGenerator<{ at: number; values: Float32Array }> {
    const entry = this.tensors.get(name);
    if (!entry) throw new ModelFileError(`reading ${this.path}: there is no tensor ${name}`);
    const { dtype, start, end } = entry, size = bytesOf(dtype), count = (end - start) / size;
    if (dtype !== "F32" && dtype !== "F64" && dtype !== "F16" && dtype !== "BF16") {
      throw new ModelFileError(
        `reading ${this.path}: tensor ${name} holds ${dtype}, which is not supported for weights; supported: F32, F64, F16, BF16`,
      );
    }
    const most = Math.min(count, elements), bytes = new Uint8Array(most * size);
    const floats = dtype === "F32" ? new Float32Array(bytes.buffer) : new Float32Array(most);
    for (let at = 0; at < count; at += elements) {
      const some = Math.min(elements, count - at), values = floats.subarray(0, some);
      await this.#bytes(start + at * size, bytes.subarray(0, some * size));
      if (dtype === "F64") values.set(new Float64Array(bytes.buffer, 0, some));
      else if (dtype !== "F32") widen(new Uint16Array(bytes.buffer, 0, some), dtype, values);
      yield { at, values };
    }
  }

  /** Fills `bytes` from a place of the data. */
  async #bytes(at: number, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    await readModelBytes(this, this.dataStart + at, bytes);
    return bytes;
  }

  close(): void {
    this.file.close();
  }
}

/** Reads a whole file. */
export async function readSafetensors(
  path: string,
): Promise<{ tensors: Record<string, ReadTensor>; metadata: Record<string, string> }> {
  const file = await SafetensorsFile.open(path);
  try {
    const tensors: Record<string, ReadTensor> = {};
    for (const name of file.tensors.keys()) tensors[name] = await file.read(name);
    return { tensors, metadata: file.metadata };
  } finally {
    file.close();
  }
}

/**
 * Writes a file as the reference implementation does (wide types first, then by name; the header padded to 8 bytes), under a temporary
 * name, synced and renamed.
 */
export async function writeSafetensors(
  path: string,
  tensors: Record<string, TensorToWrite | TensorToFetch>,
  metadata: Record<string, string> = {},
): Promise<void> {
  const dtypeOf = (tensor: TensorToWrite | TensorToFetch): TensorDtype => {
    if (tensor.dtype || "fetch" in tensor) return tensor.dtype ?? "F32";
    return tensor.data instanceof Float32Array ? "F32" : tensor.data instanceof Int32Array ? "I32" : "U8";
  };
  const check = (name: string, { shape }: { shape: readonly number[] }, length: number) => {
    const count = shape.reduce((a, b) => a * b, 1);
    if (count === length) return;
    throw new RangeError(
      `writing ${path}: tensor ${name} of shape [${shape}] needs ${count} numbers, got ${length}`,
    );
  };
  const names = Object.keys(tensors).sort((a, b) =>
    bytesOf(dtypeOf(tensors[b])) - bytesOf(dtypeOf(tensors[a])) || (a < b ? -1 : 1)
  );
  const header: Record<string, unknown> = Object.keys(metadata).length ? { __metadata__: metadata } : {};
  let at = 0;
  for (const name of names) {
    const tensor = tensors[name],
      { shape } = tensor,
      dtype = dtypeOf(tensor),
      count = shape.reduce((a, b) => a * b, 1);
    if ("data" in tensor) check(name, tensor, tensor.data.length);
    header[name] = { dtype, shape, data_offsets: [at, at += count * bytesOf(dtype)] };
  }
  const text = JSON.stringify(header),
    json = new TextEncoder().encode(
      text.padEnd(text.length + (8 - new TextEncoder().encode(text).length % 8) % 8),
    );
  const temporary = join(dirname(path), `.${crypto.randomUUID()}.tmp`);
  try {
    using file = await Deno.open(temporary, { write: true, createNew: true });
    const write = async (bytes: Uint8Array) => {
      for (let from = 0; from < bytes.length;) from += await file.write(bytes.subarray(from));
    };
    const length = new DataView(new ArrayBuffer(8));
    length.setBigUint64(0, BigInt(json.length), true);
    await write(new Uint8Array(length.buffer));
    await write(json);
    for (const name of names) {
      const tensor = tensors[name], dtype = dtypeOf(tensor);
      const data = "fetch" in tensor ? await tensor.fetch() : tensor.data;
      check(name, tensor, data.length);
      // a write copies what it is given, so a large tensor goes in pieces
      for (let from = 0; from < data.length; from += pieceElements) {
        const piece = data.subarray(from, from + pieceElements);
        const stored = dtype === "F16" || dtype === "BF16" ? narrow(piece as Float32Array, dtype) : piece;
        await write(new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength));
      }
    }
    await file.sync();
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  await Deno.rename(temporary, path);
}
