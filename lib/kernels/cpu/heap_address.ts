/** Where an array's first byte lies in the process. */
export function addressOf(array: Uint8Array | Float32Array): number {
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(array as BufferSource)));
}

/** Where the WebAssembly heap lies in the process, in bytes; a shared memory never moves. */
export function heapAddress(memory: WebAssembly.Memory): number {
  return addressOf(new Uint8Array(memory.buffer));
}
