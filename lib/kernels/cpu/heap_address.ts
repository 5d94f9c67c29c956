import { memorySpan } from "../../backend/outer_memory.ts";

/** Where an array's first byte lies in the process. */
export function addressOf(array: Uint8Array | Float32Array): number {
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(array as BufferSource)));
}

/** Where the WebAssembly heap lies in the process, in bytes; a shared memory never moves. */
export function heapAddress(memory: WebAssembly.Memory): number {
  return addressOf(new Uint8Array(memory.buffer));
}

/** Turns addresses of `memories`, of which the first is the heap, into those of the process. */
export function nativeAddresses(memories: readonly WebAssembly.Memory[]): (address: number) => number {
  const bases = memories.map(heapAddress), [heap] = bases;
  return (address) =>
    address < memorySpan ? heap + address : bases[Math.floor(address / memorySpan)] + address % memorySpan;
}
