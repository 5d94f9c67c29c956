import assert from "node:assert/strict";
import type { Gemm } from "../../../lib/kernels/cpu/blas.ts";
import { narrowGemm } from "../../../lib/kernels/cpu/narrow_gemm.ts";
import { gaussian } from "./on_cpu.ts";

/** The product on an array, counted: what a BLAS does at addresses. */
function gemmOn(memory: Float32Array): { gemm: Gemm; pieces: { m: number; n: number; k: number }[] } {
  const pieces: { m: number; n: number; k: number }[] = [];
  const gemm: Gemm = (transposeA, transposeB, m, n, k, a, lda, b, ldb, c, ldc, accumulate) => {
    pieces.push({ m, n, k });
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = accumulate ? memory[c / 4 + i * ldc + j] : 0;
        for (let p = 0; p < k; p++) {
          sum += memory[a / 4 + (transposeA ? p * lda + i : i * lda + p)] *
            memory[b / 4 + (transposeB ? j * ldb + p : p * ldb + j)];
        }
        memory[c / 4 + i * ldc + j] = sum;
      }
    }
  };
  return { gemm, pieces };
}

Deno.test("products of few rows in pieces are the products, within rows that are longer", () => {
  // one piece, columns left over, depth cut and left over, more rows than are cut, B not transposed
  const cases = [[1, 7, 5, true], [8, 300, 576, true], [24, 130, 1536, true], [48, 50, 2000, true], [
    49,
    60,
    100,
    true,
  ], [
    24,
    130,
    90,
    false,
  ]] as const;
  for (const [m, n, k, transposeB] of cases) {
    for (const accumulate of [false, true]) {
      const lda = k + 3, ldb = (transposeB ? k : n) + 5, ldc = n + 2;
      const a = gaussian(m * lda, 1), b = gaussian((transposeB ? n : k) * ldb, 2), c = gaussian(m * ldc, 3);
      const compute = (cut: (gemm: Gemm) => Gemm) => {
        const memory = new Float32Array([...a, ...b, ...c]), { gemm, pieces } = gemmOn(memory);
        const bAt = a.length * 4, cAt = (a.length + b.length) * 4;
        cut(gemm)(false, transposeB, m, n, k, 0, lda, bAt, ldb, cAt, ldc, accumulate);
        return { found: memory.subarray(a.length + b.length), pieces };
      };
      const whole = compute((gemm) => gemm), cut = compute(narrowGemm);
      for (const [i, expected] of whole.found.entries()) {
        const tolerance = i % ldc < n ? 4e-6 * (4 + Math.sqrt(k)) : 0, name = `${[m, n, k]} at ${i}`;
        assert.ok(
          Math.abs(cut.found[i] - expected) <= tolerance,
          `${name}: ${cut.found[i]}, not ${expected}`,
        );
      }
      const isCut = transposeB && m <= 48 && m * n > 1152;
      assert.equal(cut.pieces.length > 1, isCut, `${[m, n, k]} in ${cut.pieces.length} pieces`);
      if (isCut) {
        for (const piece of cut.pieces) {
          assert.ok(piece.m * piece.n * piece.k <= 1.1e6, JSON.stringify(piece));
        }
      }
    }
  }
});
