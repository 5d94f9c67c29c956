import assert from "node:assert/strict";
import type * as tf from "@tensorflow/tfjs";
import { quantisedTensor } from "../../../lib/kernels/stored_form.ts";
import { multiplyTiles } from "../../../lib/kernels/webgpu/multiply_tiles.ts";
import { type Product, settled } from "../../../lib/kernels/webgpu/product.ts";
import { output } from "../../../lib/kernels/webgpu/program.ts";
import { type TilingName, tilings } from "../../../lib/kernels/webgpu/tile_plan.ts";
import { packHalf } from "../../../lib/weights/pack_half.ts";
import { assertClose, normal, testOnWebgpu, type Values, valuesOn } from "./on_webgpu.ts";

const names = Object.keys(tilings) as TilingName[];

/** a·b in float64, both as they are stored. */
function productOracle(
  a: Values,
  b: Values,
  { transposeA, transposeB }: { transposeA: boolean; transposeB: boolean },
): Float32Array {
  const [rows, inner] = transposeA ? [a.shape[1], a.shape[0]] : a.shape;
  const columns = b.shape[transposeB ? 0 : 1], out = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let i = 0; i < inner; i++) {
        sum += a.data[transposeA ? i * rows + row : row * inner + i] *
          b.data[transposeB ? column * inner + i : i * columns + column];
      }
      out[row * columns + column] = sum;
    }
  }
  return out;
}

/** Around a tile's ends, below one depth and above, with rows that are aligned to four floats and rows that are not. */
const sizes = [[1, 4, 4], [127, 7, 65], [128, 8, 128], [129, 12, 132], [36, 17, 33], [64, 520, 8]];

for (const name of names) {
  for (const transposeA of [false, true]) {
    for (const transposeB of [false, true]) {
      testOnWebgpu(
        `multiplyTiles() in ${name} tiles agrees with float64, transposed ${transposeA} and ${transposeB}`,
        async () => {
          for (const [m, k, n] of sizes) {
            const a = normal(transposeA ? [k, m] : [m, k], m), b = normal(transposeB ? [n, k] : [k, n], n);
            const expected = productOracle(a, b, { transposeA, transposeB });
            const actual = await valuesOn("webgpu", [a, b], (a, b) => {
              const out = output<tf.Tensor2D>([m, n]), factors = [{ b, columns: n, inner: k }];
              multiplyTiles(settled({ a, factors, out, rows: m, transposeA, transposeB }), name);
              return [out];
            });
            assertClose(actual, [expected], 1e-5);
          }
        },
      );
    }
  }
}

/** Three factors side by side with scale, bias and what was there; the sum of two; both of weights in 16 and 4 bits. */
async function several(name: TilingName): Promise<Float32Array[]> {
  const rows = 130, inner = 64, widths = [140, 8, 36], total = widths.reduce((sum, width) => sum + width);
  const inputs = [
    normal([rows, inner], 1),
    normal([8], 2),
    normal([rows, total], 3),
    ...widths.map((width) => normal([width, inner], width)),
  ];
  const halves = {
    shape: [140, inner / 2],
    data: packHalf(normal([140, inner], 9).data as Float32Array, "b"),
  };
  return await valuesOn("webgpu", [...inputs, halves], (a, bias, start, b0, b1, b2, half) => {
    const run = (product: Product) => multiplyTiles(settled(product), name);
    const factors = [
      { b: b0, columns: 140, inner },
      { b: b1, columns: 8, inner, firstOut: 140, bias },
      { b: b2, columns: 36, inner, firstOut: 148, scale: 0.5 },
    ];
    run({ a, factors, out: start, rows, widthOut: total, transposeB: true, accumulate: true });
    // 36 columns of b1 and b2 as they lie: 8 and 36 of inner
    const sum = output<tf.Tensor2D>([rows, inner]);
    const parts = [{ b: b1, columns: inner, inner: 8 }, { b: b2, columns: inner, inner: 36, firstA: 8 }];
    run({ a, widthA: inner, factors: parts, sum: true, out: sum, rows });
    const narrow = output<tf.Tensor2D>([rows, 140]), fewer = output<tf.Tensor2D>([rows, 36]);
    run({ a, factors: [{ b: half, columns: 140, inner }], out: narrow, rows, transposeB: true });
    const quantised = quantisedTensor({
      shape: [36, inner],
      bits: 4,
      group: 32,
      centre: 8,
      codes: Uint8Array.from({ length: 36 * inner / 2 }, (_, i) => i * 89 & 255),
      scales: Float32Array.from({ length: 72 }, (_, i) => 0.01 + i / 1000),
      offsets: null,
    });
    run({ a, factors: [{ b: quantised, columns: 36, inner }], out: fewer, rows, transposeB: true });
    return [start, sum, narrow, fewer];
  });
}

testOnWebgpu(
  "multiplyTiles() gives the same in all tilings: several factors, sums, 16 and 4 bits",
  async () => {
    const expected = await several("small");
    assert.ok(expected.every((values) => values.some((value) => Math.abs(value) > 1)));
    for (const name of names.slice(1)) assertClose(await several(name), expected, 1e-5);
  },
);

testOnWebgpu("multiplyTiles() in large tiles gives the same bits doubled or not, 20 times", async () => {
  const once = (await several("large")).map((values) => new Uint32Array(values.buffer));
  for (let i = 0; i < 20; i++) {
    const again = (await several("large_double")).map((values) => new Uint32Array(values.buffer));
    assert.deepEqual(again, once);
  }
});
