import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { dequantiseRows, type QuantisedMatrix } from "../../../lib/kernels/quantised_matrix.ts";
import { quantisedTensor } from "../../../lib/kernels/stored_form.ts";
import { multiply, multiplyTogether, type Product } from "../../../lib/kernels/webgpu/multiply.ts";
import { launchCount, output } from "../../../lib/kernels/webgpu/program.ts";
import { packHalf } from "../../../lib/weights/pack_half.ts";
import { assertClose, normal, testOnWebgpu, type Values, valuesOn } from "./on_webgpu.ts";

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

/** x·wᵀ in float64, both of `inner` columns. */
function productOracle(x: Values, w: Values, inner: number): Float32Array {
  const rows = x.shape[0], columns = w.shape[0], out = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let i = 0; i < inner; i++) sum += x.data[row * inner + i] * w.data[column * inner + i];
      out[row * columns + column] = sum;
    }
  }
  return out;
}

for (const rows of [1, 2, 4, 7, 8, 9]) {
  testOnWebgpu(
    `multiply() of ${rows} rows agrees with float64, in 32 and 16 bits, long and short`,
    async () => {
      for (const [inner, widths] of [[12, [70, 3]], [516, [5, 33]]] as const) {
        const x = normal([rows, inner], 1), bias = normal([widths[1]], 8);
        // halves of whole numbers are exact in 16 bits
        const halves = widths.map((width, i) => {
          const { shape, data } = normal([width, inner], 4 + i, 8);
          return { shape, data: data.map((value) => Math.round(value) / 2) as Float32Array };
        });
        const packed = halves.map(({ shape: [width], data }) => ({
          shape: [width, inner / 2],
          data: packHalf(data, "halves"),
        }));
        const total = widths[0] + widths[1], [one, two] = halves.map((half) => productOracle(x, half, inner));
        for (const weights of [halves, packed]) {
          const [out] = await valuesOn("webgpu", [x, bias, ...weights], (x, bias, ...weights) => {
            const out = output<tf.Tensor2D>([rows, total]);
            const factors = [
              { b: weights[0], columns: widths[0], inner, scale: 0.5 },
              { b: weights[1], columns: widths[1], inner, firstOut: widths[0], bias },
            ];
            const product = { a: x, factors, out, rows, widthOut: total, transposeB: true };
            multiply(product);
            multiply({ ...product, accumulate: true });
            return [out];
          });
          const expected = Float32Array.from({ length: rows * total }, (_, i) => {
            const row = Math.floor(i / total), column = i % total, second = column - widths[0];
            return second < 0
              ? one[row * widths[0] + column]
              : 2 * two[row * widths[1] + second] + 2 * bias.data[second];
          });
          assertClose([out], [expected], 1e-5);
        }
      }
    },
  );
}

for (const rows of [1, 3, 8, 9]) {
  testOnWebgpu(
    `multiplyTogether() of ${rows} rows gives results apart of one input, from weights of 32, 16 and 4 bits`,
    async () => {
      const inner = 64, x = normal([rows, inner], 1), a = normal([5, inner], 2), bias = normal([7], 3);
      const start = normal([rows, 21], 4),
        wide = normal([14, inner], 5),
        half = {
          shape: [7, inner],
          data: normal([7, inner], 6, 8).data.map((value) => Math.round(value) / 2) as Float32Array,
        };
      const four: QuantisedMatrix = {
        shape: [14, inner],
        bits: 4,
        group: 32,
        centre: 8,
        codes: Uint8Array.from(
          wide.data.subarray(0, 14 * inner / 2),
          (value) => Math.round(value * 50) & 255,
        ),
        scales: new Float32Array(14 * inner / 32).fill(0.25),
        offsets: null,
      };
      const dequantised = { shape: [14, inner], data: dequantiseRows(four, { from: 0, to: 14 }) };
      const packed = { shape: [7, inner / 2], data: packHalf(half.data, "halves") };
      let launches = 0;
      const run = (buffers: "few" | "many") =>
        valuesOn("webgpu", [x, packed, a, bias, start], (x, packed, a, bias, start) => {
          const low = output<tf.Tensor2D>([rows, 5 + (buffers === "few" ? 0 : 15)]);
          const factors = [
            { b: packed, columns: 7, inner, bias },
            { b: quantisedTensor(four), columns: 14, inner, firstOut: 7, scale: 0.5 },
          ];
          const sides = (buffers === "few" ? [0] : [0, 1, 2, 3]).map((i) => ({
            b: a,
            columns: 5,
            inner,
            firstOut: 5 * i,
          }));
          const before = launchCount();
          multiplyTogether([
            { a: x, factors, out: start, rows, widthOut: 21, transposeB: true, accumulate: true },
            { a: x, factors: sides, out: low, rows, widthOut: low.shape[1], transposeB: true },
          ]);
          launches = launchCount() - before;
          return [start, tf.slice(low, [0, 0], [rows, 5])];
        });
      const [one, two] = [half, dequantised].map((b) => productOracle(x, b, inner));
      const expected = Float32Array.from(start.data, (value, i) => {
        const row = Math.floor(i / 21), column = i % 21;
        return value +
          (column < 7 ? one[row * 7 + column] + bias.data[column] : two[row * 14 + column - 7] / 2);
      });
      assertClose(await run("few"), [expected, productOracle(x, a, inner)], 1e-5);
      // beyond eight rows tiles take one way of keeping at a time
      assert.equal(launches, rows <= 8 ? 1 : 3);
      // ten buffers, and the adapter binds eight: the results one after the other
      assertClose(await run("many"), [expected, productOracle(x, a, inner)], 1e-5);
      assert.equal(launches, rows <= 8 ? 2 : 3);
    },
  );
}

testOnWebgpu(
  "multiply() splits inner over workgroups where there are few tiles, side by side, added up and transposed",
  async () => {
    const rows = 12, inner = 2052, x = normal([rows, inner], 1), bias = normal([40], 5);
    const one = normal([40, inner], 2), two = normal([17, inner], 3), start = normal([rows, 57], 4);
    const first = productOracle(x, one, inner), second = productOracle(x, two, inner);
    const beside = Float32Array.from(start.data, (value, i) => {
      const row = Math.floor(i / 57), column = i % 57;
      return value +
        (column < 40 ? 0.5 * first[row * 40 + column] + bias.data[column] : second[row * 17 + column - 40]);
    });
    let launches = 0;
    const [actual, sum, gradient] = await valuesOn(
      "webgpu",
      [x, one, two, bias, start],
      (x, one, two, bias, start) => {
        const before = launchCount(),
          sum = output<tf.Tensor2D>([rows, 17]),
          gradient = output<tf.Tensor2D>([17, 40]);
        const beside = [
          { b: one, columns: 40, inner, scale: 0.5, bias },
          { b: two, columns: 17, inner, firstOut: 40 },
        ];
        multiply({
          a: x,
          factors: beside,
          out: start,
          rows,
          widthOut: 57,
          transposeB: true,
          accumulate: true,
        });
        const b = tf.transpose(two), half = inner / 2;
        multiply({
          a: x,
          widthA: inner,
          factors: [0, half].map((firstA) => ({
            b: tf.slice(b, [firstA, 0], [half, 17]),
            columns: 17,
            inner: half,
            firstA,
          })),
          sum: true,
          out: sum,
          rows,
        });
        const [tallA, tallB] = [tf.transpose(two), tf.transpose(one)];
        multiply({
          a: tallA,
          transposeA: true,
          factors: [{ b: tallB, columns: 40, inner }],
          out: gradient,
          rows: 17,
        });
        launches = launchCount() - before;
        return [start, sum, gradient];
      },
    );
    assert.equal(launches, 6);
    assertClose([actual, sum], [beside, second], 2e-6);
    assertClose([gradient], [productOracle(two, one, inner)], 2e-6);
  },
);
