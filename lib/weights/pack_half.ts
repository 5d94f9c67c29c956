/**
 * Two float16 numbers a 32-bit word, the first in the low half, as WGSL's `unpack2x16float` reads them: tfjs has no 16-bit
 * type, and this needs no `shader-f16`. Each is rounded to the nearest; weights that came from bfloat16 keep their bits
 * unless they are below 6·10⁻⁵ in size, which are off by at most 3·10⁻⁸.
 *
 * @param name what to call the weights in messages
 * @throws {RangeError} when a number is beyond float16's ±65504
 */
export function packHalf(values: Float32Array, name: string): Int32Array {
  const bad = values.findIndex((value) => !(Math.abs(value) <= 65504));
  if (bad >= 0) {
    throw new RangeError(
      `packing ${name} to 16 bits needs numbers within ±65504, got ${
        values[bad]
      } at ${bad}: keep the weights in float32`,
    );
  }
  return new Int32Array(new Float16Array(values).buffer);
}

/** The numbers of {@linkcode packHalf} in float32. */
export function unpackHalf(words: Int32Array): Float32Array {
  return new Float32Array(new Float16Array(words.buffer, words.byteOffset, 2 * words.length));
}
