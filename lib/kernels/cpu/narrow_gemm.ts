import type { Gemm } from "./blas.ts";

/**
 * The same product where A has few rows, as in sampling, and B is transposed, cut so that each piece is one that OpenBLAS computes without
 * copying its operands: 1.5 times as fast with 24 rows, twice with 8 (`tests/bench/LOG.md`). What its permission asks for is at most
 * 10⁶ multiplications (interface/gemm.c, kernel/x86_64/sgemm_small_kernel_permit_skylakex.c) and, as measured, some 1,200 numbers.
 */
export function narrowGemm(gemm: Gemm): Gemm {
  const mostNumbers = 1152, mostMultiplications = 1e6, mostRows = 48;
  return (transposeA, transposeB, m, n, k, a, lda, b, ldb, c, ldc, accumulate) => {
    if (transposeA || !transposeB || m > mostRows || m * n <= mostNumbers) {
      gemm(transposeA, transposeB, m, n, k, a, lda, b, ldb, c, ldc, accumulate);
      return;
    }
    const columns = Math.floor(mostNumbers / m / 16) * 16;
    const parts = Math.ceil(m * columns * k / mostMultiplications), depth = Math.ceil(k / parts / 16) * 16;
    for (let column = 0; column < n; column += columns) {
      const width = Math.min(columns, n - column), to = c + column * 4;
      for (let first = 0; first < k; first += depth) {
        const from = b + (column * ldb + first) * 4, more = accumulate || first > 0;
        gemm(false, true, m, width, Math.min(depth, k - first), a + first * 4, lda, from, ldb, to, ldc, more);
      }
    }
  };
}
