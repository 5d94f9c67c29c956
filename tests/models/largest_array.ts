/** The largest typed array, in bytes, that is made while `work` runs. */
export async function largestArray(work: () => Promise<unknown>): Promise<number> {
  const { Uint8Array: bytes, Uint16Array: words, Float32Array: floats, ArrayBuffer: buffers } = globalThis;
  let largest = 0;
  const note = (size: number) => largest = Math.max(largest, size);
  const spy = <T extends new (...args: never[]) => { byteLength: number }>(type: T) =>
    new Proxy(type, {
      construct(target, args, own) {
        // a number allocates; a view of a buffer does not
        if (typeof args[0] === "number") {
          note(args[0] * ((target as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1));
        }
        return Reflect.construct(target, args, own);
      },
    });
  Object.assign(globalThis, {
    Uint8Array: spy(bytes),
    Uint16Array: spy(words),
    Float32Array: spy(floats),
    ArrayBuffer: spy(buffers),
  });
  try {
    await work();
  } finally {
    Object.assign(globalThis, {
      Uint8Array: bytes,
      Uint16Array: words,
      Float32Array: floats,
      ArrayBuffer: buffers,
    });
  }
  return largest;
}
