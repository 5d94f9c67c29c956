import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { multiply, type Product } from "../../../lib/kernels/webgpu/multiply.ts";
import { launchCount, output } from "../../../lib/kernels/webgpu/program.ts";
import { assertClose, normal, testOnWebgpu, valuesOn } from "./on_webgpu.ts";

/** a·b of two matrices. */
function product(
  a: tf.Tensor2D,
  b: tf.Tensor2D,
  { transposeA = false, transposeB = false }: Pick<Product, "transposeA" | "transposeB"> = {},
): tf.Tensor2D {
  const rows = a.shape[transposeA ? 1 : 0],
    [inner, columns] = transposeB ? [b.shape[1], b.shape[0]] : b.shape;
  const out = output<tf.Tensor2D>([rows, columns]);
  multiply({ a, factors: [{ b, columns, inner }], out, rows, transposeA, transposeB });
  return out;
}

const sizes = [[5, 7, 3], [8, 12, 16], [33, 36, 20], [1, 64, 40], [70, 5, 66]];

for (const transposeA of [false, true]) {
  for (const transposeB of [false, true]) {
    testOnWebgpu(`multiply() agrees with tfjs-core, transposed ${transposeA} and ${transposeB}`, async () => {
      for (const [m, k, n] of sizes) {
        const a = normal(transposeA ? [k, m] : [m, k], m), b = normal(transposeB ? [n, k] : [k, n], n);
        const expected = await valuesOn("cpu", [a, b], (a, b) => [tf.matMul(a, b, transposeA, transposeB)]);
        assertClose(
          await valuesOn("webgpu", [a, b], (a, b) => [product(a, b, { transposeA, transposeB })]),
          expected,
        );
      }
    });
  }
}

testOnWebgpu("multiply() with the large tiles agrees with sums of its rows", async () => {
  // column j holds j % 7 everywhere, so that c[i][j] is a row sum times that and needs no second product
  const a = normal([2056, 9], 5),
    b = { shape: [9, 2052], data: Float32Array.from({ length: 9 * 2052 }, (_, i) => i % 2052 % 7) };
  const [c] = await valuesOn("webgpu", [a, b], (a, b) => [product(a, b)]);
  const [d] = await valuesOn("webgpu", [a, b], (a, b) => [product(a, tf.transpose(b), { transposeB: true })]);
  for (const [row, column] of [[0, 0], [127, 128], [128, 127], [2055, 2051], [1000, 5]]) {
    const sum = Array.from(a.data).slice(row * 9, row * 9 + 9).reduce((x, y) => x + y, 0) * (column % 7);
    assert.ok(Math.abs(c[row * 2052 + column] - sum) < 1e-4);
    assert.ok(Math.abs(d[row * 2052 + column] - sum) < 1e-4);
  }
});

testOnWebgpu(
  "multiply() does several products of one input in one launch, side by side and added up",
  async () => {
    // 5 rows of 24: the factors take columns 0-7, 8-19 and 20-23 of a in the sum, and all of it side by side
    const [m, k] = [5, 24],
      widths = [7, 12, 33],
      firsts = [0, 7, 19],
      inners = [8, 12, 4],
      starts = [0, 8, 20];
    const a = normal([m, k], 1), bias = normal([12], 5), start = normal([m, 52], 6);
    const wide = widths.map((width, i) => normal([width, k], 10 + i)),
      tall = inners.map((n, i) => normal([n, 9], 20 + i));
    const inputs = [a, bias, start, ...wide, ...tall];
    const expected = await valuesOn("cpu", inputs, (a, bias, start, b0, b1, b2, c0, c1, c2) => [
      tf.add(
        start,
        tf.concat([
          tf.matMul(a, b0, false, true),
          tf.add(tf.mul(tf.matMul(a, b1, false, true), 0.5), bias),
          tf.matMul(a, b2, false, true),
        ], 1),
      ),
      tf.addN([c0, c1, c2].map((c, i) => tf.matMul(tf.slice(a, [0, starts[i]], [m, inners[i]]), c))),
    ]);
    let launches = 0;
    const actual = await valuesOn("webgpu", inputs, (a, bias, start, b0, b1, b2, c0, c1, c2) => {
      const before = launchCount(), out = output<tf.Tensor2D>([m, 9]);
      const columns = (i: number) => ({ columns: widths[i], inner: k, firstOut: firsts[i] });
      multiply({
        a,
        factors: [{ b: b0, ...columns(0) }, { b: b1, ...columns(1), scale: 0.5, bias }, {
          b: b2,
          ...columns(2),
        }],
        out: start,
        rows: m,
        widthOut: 52,
        transposeB: true,
        accumulate: true,
      });
      const factors = [c0, c1, c2].map((b, i) => ({ b, columns: 9, inner: inners[i], firstA: starts[i] }));
      multiply({ a, widthA: k, factors, sum: true, out, rows: m });
      launches = launchCount() - before;
      return [start, out];
    });
    assertClose(actual, expected);
    assert.equal(launches, 2);
  },
);
