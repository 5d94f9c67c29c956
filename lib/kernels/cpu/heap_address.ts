/** Where the WebAssembly heap lies in the process, in bytes; a shared memory never moves. */
export function heapAddress(memory: WebAssembly.Memory): number {
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(memory.buffer))));
}
