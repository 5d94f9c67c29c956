import { ModelFileError } from "./model_file_error.ts";
import { ggmlTypes } from "./ggml_types.ts";

/** A value of a GGUF file's metadata; whole numbers beyond 2^53 are bigints. */
export type GgufValue = number | bigint | boolean | string | GgufValue[];

/** Where a tensor's bytes lie within the data section, and how its numbers are stored. */
export interface GgufTensor {
  name: string;
  /** `Q4_1`, `F32`, … */
  dtype: string;
  /** The slowest dimension first, `[outputs, inputs]` for a matrix: the other way round than in the file. */
  shape: number[];
  start: number;
  end: number;
}

/** What stands before the numbers of a GGUF file. */
export interface GgufHeader {
  metadata: Map<string, GgufValue>;
  tensors: GgufTensor[];
  /** Where in the file the numbers begin. */
  dataStart: number;
}

/** The next bytes of a file, as many as are there. */
export type ReadBytes = (target: Uint8Array) => number;

const magic = 0x46554747, chunkBytes = 1 << 20, mostDimensions = 4, deepest = 4;

/**
 * Reads a GGUF header (version 2 or 3, little-endian) and checks it before anything is allocated for the numbers: counts and lengths
 * that the file can hold, known types, whole blocks, tensors one behind the other as ggml has them and nothing past the end.
 *
 * Of our own, and not `@huggingface/gguf` 0.4.6: that one fills up a file that was cut short with zeros and returns it as whole (40 of
 * 40 cuts of a real header), holds no tensor to the file's size, and reads the vocabulary again from its start for each 2 MB.
 *
 * @param size bytes of the whole file
 * @throws {ModelFileError} naming the file and the key or the tensor
 */
export function parseGgufHeader(
  read: ReadBytes,
  { where, size }: { where: string; size: number },
): GgufHeader {
  const bytes = new HeaderBytes(read, where, size);
  const fail = (rule: string): never => bytes.fail(rule);
  if (size < 24 || bytes.u32() !== magic) fail("it does not begin with GGUF");
  const version = bytes.u32();
  if (version !== 2 && version !== 3) {
    fail(
      version > 0 && (version & 0xffff) === 0
        ? "it is big-endian, which is not supported: convert it anew"
        : `it has version ${version}; supported: 2 and 3`,
    );
  }
  const tensorCount = bytes.count("tensors", 24), valueCount = bytes.count("values of metadata", 13);

  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < valueCount; i++) {
    const key = bytes.text(`key ${i + 1} of ${valueCount} of the metadata`);
    if (metadata.has(key)) fail(`the metadata has ${key} twice`);
    metadata.set(key, bytes.value(bytes.u32(), `the metadata's ${key}`, 0));
  }
  const alignment = metadata.get("general.alignment") ?? 32;
  if (
    typeof alignment !== "number" || alignment < 1 || alignment > 1 << 20 ||
    !Number.isInteger(Math.log2(alignment))
  ) {
    fail(`general.alignment must be a power of two, not ${alignment}`);
  }
  const aligned = (at: number) => Math.ceil(at / (alignment as number)) * (alignment as number);

  const tensors: GgufTensor[] = [], names = new Set<string>();
  let next = 0;
  for (let i = 0; i < tensorCount; i++) {
    const name = bytes.text(`the name of tensor ${i + 1} of ${tensorCount}`);
    const tensor = `tensor ${JSON.stringify(name)}`;
    if (name === "" || names.has(name)) fail(`${tensor} ${name ? "is there twice" : "has no name"}`);
    names.add(name);
    const dimensions = bytes.u32();
    if (dimensions < 1 || dimensions > mostDimensions) {
      fail(`${tensor} has ${dimensions} dimensions, expected 1 to ${mostDimensions}`);
    }
    const shape = Array.from({ length: dimensions }, () => bytes.u64()).reverse();
    const elements = shape.reduce((a, b) => a * b, 1), number = bytes.u32(), start = bytes.u64();
    const type = ggmlTypes.get(number);
    if (!type) return fail(`${tensor} has the type ${number}, which is not known`);
    if (
      !(Number.isSafeInteger(elements) && elements > 0 &&
        shape.every((length) => Number.isSafeInteger(length)))
    ) {
      fail(`${tensor} has the shape [${shape}], which is not a list of whole numbers from 1`);
    }
    if (shape.at(-1)! % type.elements) {
      fail(
        `${tensor} has rows of ${shape.at(-1)}, which are no whole blocks of ${type.elements} (${type.name})`,
      );
    }
    if (start !== next) {
      fail(`${tensor} begins at byte ${start} of the numbers, not where the one before ends (${next})`);
    }
    const end = start + elements / type.elements * type.bytes;
    if (end > size) {
      fail(
        `${tensor} of shape [${shape}] and type ${type.name} ends at byte ${end} of ${size}: the file is cut short`,
      );
    }
    next = aligned(end);
    tensors.push({ name, dtype: type.name, shape, start, end });
  }
  const dataStart = aligned(bytes.position), last = tensors.at(-1);
  if (last && dataStart + last.end > size) {
    fail(
      `tensor ${JSON.stringify(last.name)} ends at byte ${
        dataStart + last.end
      } of ${size}: the file is cut short`,
    );
  }
  return { metadata, tensors, dataStart };
}

/** A file's first bytes, as far as they were asked for. */
class HeaderBytes {
  #bytes = new Uint8Array(0);
  /** Where `#bytes` begins in the file, where reading stands in it, and where it ends. */
  #base = 0;
  #at = 0;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  constructor(readonly read: ReadBytes, readonly where: string, readonly size: number) {}

  get position(): number {
    return this.#base + this.#at;
  }

  fail(rule: string): never {
    throw new ModelFileError(
      `reading ${this.where}: ${rule}; the file is damaged or not a GGUF file, fetch it again`,
    );
  }

  /** Moves on by `count` bytes that are there, and returns where in `#bytes` they begin. */
  #take(count: number): number {
    const at = this.#at;
    if (at + count <= this.#bytes.length) {
      this.#at += count;
      return at;
    }
    if (this.position + count > this.size) this.fail(`it ends at byte ${this.size}, within its header`);
    const left = this.#bytes.subarray(at), length = Math.min(this.size - this.position, count + chunkBytes);
    const bytes = new Uint8Array(length);
    bytes.set(left);
    for (let filled = left.length; filled < length;) {
      const got = this.read(bytes.subarray(filled));
      if (got <= 0) this.fail(`it ends at byte ${this.position + filled}, within its header`);
      filled += got;
    }
    this.#base += at;
    this.#bytes = bytes;
    this.#at = count;
    return 0;
  }

  #viewOf(count: number): DataView {
    const at = this.#take(count);
    return new DataView(this.#bytes.buffer, at, count);
  }

  u32(): number {
    return this.#viewOf(4).getUint32(0, true);
  }

  /** A number that may be beyond 2^53, where it is not exact and so refused by whoever counts with it. */
  u64(): number {
    return Number(this.#viewOf(8).getBigUint64(0, true));
  }

  /** How many of something follow, each of at least `least` bytes. */
  count(what: string, least: number): number {
    const count = this.u64();
    if (count * least > this.size - this.position) {
      this.fail(`it should hold ${count} ${what}, which its ${this.size} bytes cannot`);
    }
    return count;
  }

  text(what: string): string {
    const length = this.count(`bytes in ${what}`, 1), at = this.#take(length);
    try {
      return this.#decoder.decode(this.#bytes.subarray(at, at + length));
    } catch {
      this.fail(`${what} is not UTF-8`);
    }
  }

  value(type: number, what: string, depth: number): GgufValue {
    const whole = (value: bigint) => {
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : value;
    };
    switch (type) {
      case 0:
        return this.#viewOf(1).getUint8(0);
      case 1:
        return this.#viewOf(1).getInt8(0);
      case 2:
        return this.#viewOf(2).getUint16(0, true);
      case 3:
        return this.#viewOf(2).getInt16(0, true);
      case 4:
        return this.u32();
      case 5:
        return this.#viewOf(4).getInt32(0, true);
      case 6:
        return this.#viewOf(4).getFloat32(0, true);
      case 7:
        return this.#viewOf(1).getUint8(0) !== 0;
      case 8:
        return this.text(what);
      case 9: {
        const element = this.u32();
        if (depth >= deepest) this.fail(`${what} nests lists more than ${deepest} deep`);
        const count = this.count(`elements of ${what}`, leastBytes[element] ?? 1), list: GgufValue[] = [];
        for (let i = 0; i < count; i++) list.push(this.value(element, what, depth + 1));
        return list;
      }
      case 10:
        return whole(this.#viewOf(8).getBigUint64(0, true));
      case 11:
        return whole(this.#viewOf(8).getBigInt64(0, true));
      case 12:
        return this.#viewOf(8).getFloat64(0, true);
      default:
        this.fail(`${what} has the type ${type}, which is not known`);
    }
  }
}

/** Bytes that a value takes at least, by its type. */
const leastBytes = [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8];
