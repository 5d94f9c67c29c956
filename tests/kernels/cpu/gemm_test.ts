import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { type CpuEngine, startEngine } from "../../../lib/kernels/cpu/engine.ts";
import { cpuEngines, gaussian, testOnCpu } from "./on_cpu.ts";

interface Product {
  transposeA: boolean;
  transposeB: boolean;
  m: number;
  n: number;
  k: number;
  accumulate: boolean;
}

/** In double precision, with leading dimensions wider than the rows by `gap`. */
function naive(
  { transposeA, transposeB, m, n, k, accumulate }: Product,
  a: Float32Array,
  b: Float32Array,
  c: Float32Array,
  gap: number,
): Float32Array {
  const lda = (transposeA ? m : k) + gap, ldb = (transposeB ? k : n) + gap, ldc = n + gap, out = c.slice();
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = accumulate ? c[i * ldc + j] : 0;
      for (let p = 0; p < k; p++) {
        sum += (transposeA ? a[p * lda + i] : a[i * lda + p]) *
          (transposeB ? b[j * ldb + p] : b[p * ldb + j]);
      }
      out[i * ldc + j] = sum;
    }
  }
  return out;
}

function onEngine(
  engine: CpuEngine,
  { transposeA, transposeB, m, n, k, accumulate }: Product,
  a: Float32Array,
  b: Float32Array,
  c: Float32Array,
  gap: number,
): Float32Array {
  const [ta, tb, tc] = [a, b, c].map((data) => tf.tensor1d(data));
  engine.gemm(
    transposeA,
    transposeB,
    m,
    n,
    k,
    engine.at(ta),
    (transposeA ? m : k) + gap,
    engine.at(tb),
    (transposeB ? k : n) + gap,
    engine.at(tc),
    n + gap,
    accumulate,
  );
  const result = Float32Array.from(tc.dataSync());
  tf.dispose([ta, tb, tc]);
  return result;
}

// below, at and above the 4 × 8 tile, the panels of 64 rows and 256 columns, and the threshold of a second thread
const sizes = [[1, 1, 1], [3, 5, 2], [4, 8, 4], [5, 9, 7], [8, 16, 260], [65, 33, 31], [130, 70, 129], [
  33,
  261,
  9,
]];

for (const { name, ...options } of cpuEngines) {
  testOnCpu(`gemm() equals the sum of products, every transpose, odd sizes, strides: ${name}`, async () => {
    const engine = await startEngine(options), gap = 3, before = tf.memory().numTensors;
    for (const [m, n, k] of sizes) {
      for (let bits = 0; bits < 8; bits++) {
        const product = {
          transposeA: !!(bits & 1),
          transposeB: !!(bits & 2),
          accumulate: !!(bits & 4),
          m,
          n,
          k,
        };
        const length = (rows: number, cols: number) => rows * (cols + gap);
        const a = gaussian(product.transposeA ? length(k, m) : length(m, k), 1);
        const b = gaussian(product.transposeB ? length(n, k) : length(k, n), 2);
        const c = gaussian(length(m, n), 3);
        const expected = naive(product, a, b, c, gap), actual = onEngine(engine, product, a, b, c, gap);
        for (let i = 0; i < expected.length; i++) {
          // what lies between the rows of C must stay as it was, to the bit
          const within = i % (n + gap) < n, tolerance = within ? 2e-6 * (4 + Math.sqrt(k)) : 0;
          assert.ok(
            Math.abs(actual[i] - expected[i]) <= tolerance,
            `${JSON.stringify(product)} at ${i}: ${actual[i]}, expected ${expected[i]}`,
          );
        }
      }
    }
    assert.equal(tf.memory().numTensors, before);
  });
}
