import assert from "node:assert/strict";
import { packHalf, unpackHalf } from "../../lib/weights/pack_half.ts";

Deno.test("packHalf() puts two float16 numbers into a word, the first in the low half", () => {
  // 1 is 0x3c00, -2 is 0xc000, 65504 the largest, 2^-24 the smallest
  const words = packHalf(Float32Array.of(1, -2, 65504, 2 ** -24), "w");
  assert.deepEqual([...words].map((word) => (word >>> 0).toString(16)), ["c0003c00", "17bff"]);
  assert.deepEqual([...unpackHalf(words)], [1, -2, 65504, 2 ** -24]);
});

Deno.test("packHalf() rounds to the nearest, and keeps the bits of bfloat16 weights", () => {
  assert.deepEqual([...unpackHalf(packHalf(Float32Array.of(1 + 0.4 / 1024, 1 + 0.6 / 1024), "w"))], [
    1,
    1 + 1 / 1024,
  ]);
  // every mantissa of bfloat16 between 2^-14 and 2
  const bits = Uint32Array.from(
    { length: 15 * 128 },
    (_, i) => (((113 + Math.floor(i / 128)) << 7) | i % 128) << 16,
  );
  const weights = new Float32Array(bits.buffer);
  assert.deepEqual(unpackHalf(packHalf(weights, "w")), weights);
  assert.ok(weights[0] === 2 ** -14 && weights.at(-1)! < 2);
});

Deno.test("packHalf() refuses what float16 cannot hold", () => {
  assert.throws(() => packHalf(Float32Array.of(1, 70_000), "mlp"), /packing mlp .*±65504, got 70000 at 1/);
  assert.throws(() => packHalf(Float32Array.of(NaN, 0), "mlp"), /got NaN at 0/);
});
