import assert from "node:assert/strict";
import { findBlas } from "../../../lib/kernels/cpu/blas.ts";
import { findKernels, openKernels } from "../../../lib/kernels/cpu/blas_kernels.ts";
import { gaussian } from "./on_cpu.ts";

const library = findBlas();
const ignore = library?.kernels ? false : true;

// one element, odd sizes, more than a panel (256 columns at depth 128), a tile (192 rows), a block of depth (512)
const sizes = [[1, 1, 1], [5, 7, 3], [32, 300, 128], [200, 40, 128], [33, 50, 1100], [1, 130, 64]];

for (const transposeA of [false, true]) {
  for (const transposeB of [false, true]) {
    const name = `${transposeA ? "Aᵀ" : "A"}·${transposeB ? "Bᵀ" : "B"}`;
    Deno.test({
      name: `packed operands multiply to ${name}, within rows that are longer`,
      ignore,
      fn() {
        const memory = new WebAssembly.Memory({ initial: 512, maximum: 512, shared: true });
        const floats = new Float32Array(memory.buffer), product = openKernels(library!, [memory])!, gap = 5;
        for (const [m, n, k] of sizes) {
          let at = 64;
          const take = (values: Float32Array) => {
            const address = at * 4;
            floats.set(values, at);
            at = Math.ceil((at + values.length) / 16) * 16;
            return address;
          };
          const lda = (transposeA ? m : k) + gap, ldb = (transposeB ? k : n) + gap, ldc = n + gap;
          const a = gaussian((transposeA ? k : m) * lda, 1), b = gaussian((transposeB ? n : k) * ldb, 2);
          const before = gaussian(m * ldc, 3);
          const [aAt, bAt, cAt] = [a, b, before].map(take);
          // what lies behind a packed operand must stay
          const guarded = (length: number) => take(new Float32Array(length + 16).fill(7));
          const left = guarded(m * k), right = guarded(k * n);
          product.packLeft(transposeA, m, k, aAt, lda, left);
          product.packRight(transposeB, k, n, bAt, ldb, right);
          for (const accumulate of [true, false]) {
            floats.set(before, cAt / 4);
            product.multiply(m, n, k, left, right, cAt, ldc, accumulate);
            for (let i = 0; i < m * ldc; i++) {
              const row = Math.floor(i / ldc), column = i % ldc;
              let sum = accumulate || column >= n ? before[i] : 0;
              for (let p = 0; p < k && column < n; p++) {
                sum += a[transposeA ? p * lda + row : row * lda + p] *
                  b[transposeB ? column * ldb + p : p * ldb + column];
              }
              const tolerance = column < n ? 4e-6 * (4 + Math.sqrt(k)) : 0, found = floats[cAt / 4 + i];
              assert.ok(
                Math.abs(found - sum) <= tolerance,
                `${[m, n, k]} at ${i}: ${found}, expected ${sum}`,
              );
            }
          }
          for (const [address, length] of [[left, m * k], [right, k * n]]) {
            const behind = floats.subarray(address / 4 + length, address / 4 + length + 16);
            assert.deepEqual([...behind], new Array(16).fill(7), `packing ${[m, n, k]} wrote past its end`);
          }
        }
      },
    });
  }
}

Deno.test({
  name: "findKernels() takes no library without the kernels",
  ignore: Deno.build.os !== "linux",
  fn() {
    assert.equal(findKernels({ path: "libm.so.6", prefix: "" }), null);
    assert.equal(findKernels({ path: "no such file.so", prefix: "" }), null);
    if (library) assert.equal(findKernels({ ...library, prefix: "other_" }), null);
  },
});
