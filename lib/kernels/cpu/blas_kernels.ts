/**
 * OpenBLAS's inner kernels. `cblas_sgemm` copies both operands into the order that its kernel reads on every call, which takes a third
 * of the time of a product of 32 rows. Called one by one, the copies can be kept: a generation's weights are packed once, an
 * input once for all layers that read it. The symbols are the library's own interface between its parts (interface/level3.c), the
 * same for fifteen years but promised to nobody; {@linkcode findKernels} takes them only if they compute right.
 */
import type { BlasLibrary } from "./blas_library.ts";
import { addressOf, nativeAddresses } from "./heap_address.ts";

/** Packs operands and multiplies packed ones. Addresses are bytes on the heap or in a further memory, leading dimensions in floats. */
export interface PackedProduct {
  /** op(A) [m × k] into the m·k floats at `to`. */
  packLeft(transpose: boolean, m: number, k: number, a: number, lda: number, to: number): void;
  /** op(B) [k × n] into the k·n floats at `to`. */
  packRight(transpose: boolean, k: number, n: number, b: number, ldb: number, to: number): void;
  /** C[m × n] (+)= A·B of packed operands. */
  multiply(
    m: number,
    n: number,
    k: number,
    left: number,
    right: number,
    c: number,
    ldc: number,
    accumulate: boolean,
  ): void;
}

/** Depth of a block, and floats of a panel of the right and of a tile of the left operand: together they stay in 512 KiB of L2. */
const depth = 512, panelFloats = 1 << 15, tileFloats = 24 << 10;

/** Columns of a panel and rows of a tile at depth `k`: whole vectors, and whole groups of 12 rows as the kernels take them. */
const panelColumns = (k: number) => Math.max(16, Math.floor(panelFloats / k / 16) * 16);
const tileRows = (k: number) => Math.max(12, Math.floor(tileFloats / k / 12) * 12);

function open(library: Pick<BlasLibrary, "path">, [before, after]: readonly [string, string]) {
  const copy = { parameters: ["i64", "i64", "usize", "i64", "usize"], result: "i32" } as const;
  return Deno.dlopen(library.path, {
    kernel: {
      name: `${before}sgemm_kernel${after}`,
      parameters: ["i64", "i64", "i64", "f32", "usize", "usize", "usize", "i64"],
      result: "i32",
    },
    clear: {
      name: `${before}sgemm_beta${after}`,
      parameters: ["i64", "i64", "i64", "f32", "usize", "i64", "usize", "i64", "usize", "i64"],
      result: "i32",
    },
    left: { name: `${before}sgemm_oncopy${after}`, ...copy },
    leftTransposed: { name: `${before}sgemm_otcopy${after}`, ...copy },
    right: { name: `${before}sgemm_itcopy${after}`, ...copy },
    rightTransposed: { name: `${before}sgemm_incopy${after}`, ...copy },
  }).symbols;
}

/** The packed product of the kernels `names` for addresses that `place` turns into the process's. */
function packedProduct(
  library: Pick<BlasLibrary, "path">,
  names: readonly [string, string],
  place: (address: number) => number,
): PackedProduct {
  // deno's types ask for bigint, its fast calls take numbers below 2^53
  const symbols = open(library, names) as unknown as Record<
    "kernel" | "clear" | "left" | "leftTransposed" | "right" | "rightTransposed",
    (...args: number[]) => number
  >;
  const { kernel, clear } = symbols;
  /** Blocks of `depth` and, within each, of `blockOf` lines; `along`: a line's floats lie side by side in memory. */
  const pack = (
    copy: (...args: number[]) => number,
    along: boolean,
    { lines, k, from, ld, to, blockOf }: Record<"lines" | "k" | "from" | "ld" | "to", number> & {
      blockOf: (k: number) => number;
    },
  ) => {
    for (let k0 = 0; k0 < k; k0 += depth) {
      const kb = Math.min(depth, k - k0), block = blockOf(kb);
      for (let line = 0; line < lines; line += block) {
        const count = Math.min(block, lines - line), offset = along ? line * ld + k0 : k0 * ld + line;
        copy(kb, count, place(from) + offset * 4, ld, place(to));
        to += kb * count * 4;
      }
    }
  };
  return {
    packLeft(transpose, m, k, a, lda, to) {
      const copy = transpose ? symbols.leftTransposed : symbols.left;
      pack(copy, !transpose, { lines: m, k, from: a, ld: lda, to, blockOf: tileRows });
    },
    packRight(transpose, k, n, b, ldb, to) {
      const copy = transpose ? symbols.rightTransposed : symbols.right;
      pack(copy, transpose, { lines: n, k, from: b, ld: ldb, to, blockOf: panelColumns });
    },
    multiply(m, n, k, left, right, c, ldc, accumulate) {
      const [leftAt, rightAt, cAt] = [left, right, c].map(place);
      for (let k0 = 0; k0 < k; k0 += depth) {
        const kb = Math.min(depth, k - k0), tile = tileRows(kb), panel = panelColumns(kb);
        for (let column = 0; column < n; column += panel) {
          const columns = Math.min(panel, n - column);
          for (let row = 0; row < m; row += tile) {
            const rows = Math.min(tile, m - row), to = cAt + (row * ldc + column) * 4;
            // the kernel adds to what is there
            if (!accumulate && k0 === 0) clear(columns, rows, 0, 0, 0, 0, 0, 0, to, ldc);
            const a = leftAt + (k0 * m + row * kb) * 4, b = rightAt + (k0 * n + column * kb) * 4;
            kernel(columns, rows, kb, 1, b, a, to, ldc);
          }
        }
      }
    },
  };
}

/** Whether every kind of product comes out right and nothing is written beside its place. */
function computesRight(library: Pick<BlasLibrary, "path">, names: readonly [string, string]): boolean {
  const guard = 64, mark = 12345;
  const buffer = (floats: number) => {
    const values = new Float32Array(floats + guard).fill(mark);
    return { values, address: addressOf(values) };
  };
  const product = packedProduct(library, names, (address) => address);
  for (const [m, n, k] of [[1, 1, 1], [3, 33, 17], [37, 45, 29], [50, 20, 70]]) {
    for (const bits of [0, 1, 2, 3]) {
      const [transposeA, transposeB] = [!!(bits & 1), !!(bits & 2)];
      const [a, b, c, left, right] = [m * k, k * n, m * n, m * k, k * n].map(buffer);
      // small integers: sums are exact whatever their order
      for (let i = 0; i < m * k; i++) a.values[i] = (i * 7) % 5 - 2;
      for (let i = 0; i < k * n; i++) b.values[i] = (i * 3) % 7 - 3;
      product.packLeft(transposeA, m, k, a.address, transposeA ? m : k, left.address);
      product.packRight(transposeB, k, n, b.address, transposeB ? k : n, right.address);
      product.multiply(m, n, k, left.address, right.address, c.address, n, false);
      product.multiply(m, n, k, left.address, right.address, c.address, n, true);
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let p = 0; p < k; p++) {
            sum += a.values[transposeA ? p * m + i : i * k + p] *
              b.values[transposeB ? j * k + p : p * n + j];
          }
          if (c.values[i * n + j] !== 2 * sum) return false;
        }
      }
      for (const { values } of [a, b, c, left, right]) {
        if (values.subarray(-guard).some((value) => value !== mark)) return false;
      }
    }
  }
  return true;
}

const found = new Map<string, [string, string] | null>();

/**
 * What comes before and after the names of `library`'s kernels for this processor; null: none that can be used. Looked for once a
 * process.
 */
export function findKernels(library: Pick<BlasLibrary, "path" | "prefix">): [string, string] | null {
  const key = JSON.stringify([library.path, library.prefix]);
  if (!found.has(key)) found.set(key, searchKernels(library));
  return found.get(key) ?? null;
}

function searchKernels(library: Pick<BlasLibrary, "path" | "prefix">): [string, string] | null {
  const core = coreName(library);
  if (core === null) return null;
  for (const before of new Set(["", library.prefix])) {
    try {
      const names: [string, string] = [before, `_${core}`];
      if (computesRight(library, names)) return names;
    } catch {
      continue; // no such symbols
    }
  }
  return null;
}

/** What OpenBLAS calls this processor, in capitals; `null`: it is no OpenBLAS. */
export function coreName({ path, prefix }: Pick<BlasLibrary, "path" | "prefix">): string | null {
  try {
    const { symbols } = Deno.dlopen(path, {
      core: { name: `${prefix}openblas_get_corename`, parameters: [], result: "pointer" },
    });
    const core = symbols.core();
    return core && new Deno.UnsafePointerView(core).getCString().toUpperCase();
  } catch {
    return null;
  }
}

/** {@linkcode PackedProduct} on `memories`, of which the first is the heap. */
export function openKernels(
  library: BlasLibrary,
  memories: readonly WebAssembly.Memory[],
): PackedProduct | null {
  if (!library.kernels) return null;
  return packedProduct(library, library.kernels, nativeAddresses(memories));
}
