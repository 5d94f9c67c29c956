/**
 * Rounds floats to GGUF's Q8_0, blocks of 32 with a float16 scale: q = round(x / d), d = max|x| / 127, halves away from zero; the
 * same bytes as ggml's reference.
 */
export function quantiseQ8(values: Float32Array): Uint8Array {
  const count = values.length / 32, bytes = new Uint8Array(34 * count), view = new DataView(bytes.buffer);
  for (let block = 0; block < count; block++) {
    const part = values.subarray(32 * block, 32 * block + 32);
    let largest = 0;
    for (const value of part) largest = Math.max(largest, Math.abs(value));
    const scale = Math.fround(largest / 127), by = scale === 0 ? 0 : Math.fround(1 / scale);
    view.setFloat16(34 * block, scale, true);
    for (let i = 0; i < 32; i++) {
      const scaled = Math.fround(part[i] * by);
      view.setInt8(34 * block + 2 + i, Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5));
    }
  }
  return bytes;
}
