/**
 * Further WebAssembly memories of 4 GB each beside tfjs's heap, for weights that are frozen: the heap is left to what training needs. An
 * address past 2³² lies in one of them: memory · 2³² + its place there, the heap being memory 0.
 */
import { PlainError } from "../display/plain_error.ts";

/** Bytes that the addresses of one memory span. */
export const memorySpan = 2 ** 32;
/** Bytes at the start of each further memory that a thread has for itself, and threads that have them. */
export const panelBytes = 512 << 10, panelThreads = 8;

/** Further memories at most. Where the process may not reserve so much address space there are fewer. */
const memoryCount = 8;
const reserved = panelBytes * panelThreads, alignment = 64, growth = 64 << 20, page = 65536;

/** No further memory has room for a weight. */
export class OuterMemoryError extends PlainError {
  /** What tells it from other errors. */
  override name = "OuterMemoryError";
}

/** Ranges of memories, handed out first fit and joined again when they come back: a memory itself can never be given back. */
export class OuterMemory {
  readonly memories: readonly WebAssembly.Memory[] = reserve();
  /** Bytes in use. */
  bytes = 0;
  readonly #free: [from: number, to: number][][] = this.memories.map(() => [[reserved, memorySpan]]);
  readonly #sizes = new Map<number, number>();

  /** Bytes that may still be asked for, in pieces that fit. */
  get left(): number {
    return this.#free.flat().reduce((sum, [from, to]) => sum + to - from, 0);
  }

  /** An address of `bytes` bytes. @throws {OuterMemoryError} when no memory has that much in one piece */
  allocate(bytes: number): number {
    const size = Math.max(alignment, Math.ceil(bytes / alignment) * alignment);
    for (const [index, ranges] of this.#free.entries()) {
      const at = ranges.findIndex(([from, to]) => to - from >= size);
      if (at < 0) continue;
      const [from, to] = ranges[at];
      grow(this.memories[index], from + size);
      ranges.splice(at, 1, ...(from + size < to ? [[from + size, to] as [number, number]] : []));
      const address = (index + 1) * memorySpan + from;
      this.#sizes.set(address, size);
      this.bytes += size;
      return address;
    }
    throw this.#full(bytes);
  }

  #full(bytes: number): OuterMemoryError {
    const gigabytes = (count: number) => `${(count / 1e9).toFixed(2)} GB`;
    return new OuterMemoryError(
      `keeping a frozen weight of ${
        gigabytes(bytes)
      }: ${this.memories.length} memories of 4.29 GB hold them, with ${
        gigabytes(this.bytes)
      } in use; dispose of a model, or keep weights in fewer bits (loadModel's weights: "q4")`,
    );
  }

  /** Takes a range back. */
  free(address: number): void {
    const size = this.#sizes.get(address);
    if (size === undefined) return;
    this.#sizes.delete(address);
    this.bytes -= size;
    const ranges = this.#free[memoryOf(address) - 1], from = address % memorySpan;
    const next = ranges.findIndex((range) => range[0] > from);
    ranges.splice(next < 0 ? ranges.length : next, 0, [from, from + size]);
    for (let i = ranges.length - 1; i > 0; i--) {
      if (ranges[i - 1][1] !== ranges[i][0]) continue;
      ranges[i - 1][1] = ranges[i][1];
      ranges.splice(i, 1);
    }
  }

  /** The bytes at an address. */
  view(address: number, bytes: number): Uint8Array {
    return new Uint8Array(this.memories[memoryOf(address) - 1].buffer, address % memorySpan, bytes);
  }
}

/** Which memory an address lies in; 0: tfjs's heap. */
export const memoryOf = (address: number): number => Math.floor(address / memorySpan);

function reserve(): WebAssembly.Memory[] {
  const memories: WebAssembly.Memory[] = [];
  try {
    while (memories.length < memoryCount) {
      memories.push(new WebAssembly.Memory({ initial: reserved / page, maximum: 65536, shared: true }));
    }
  } catch {
    return memories; // no more address space
  }
  return memories;
}

/** Makes a memory at least `bytes` long; untouched pages cost nothing. */
function grow(memory: WebAssembly.Memory, bytes: number): void {
  const { byteLength } = memory.buffer;
  if (byteLength >= bytes) return;
  memory.grow(
    (Math.min(memorySpan, Math.max(Math.ceil(bytes / page) * page, byteLength + growth)) - byteLength) / page,
  );
}
