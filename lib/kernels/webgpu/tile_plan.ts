import type { MatrixStorage } from "./matrix_storage.ts";
import type { SettledProduct } from "./product.ts";

/** Workgroup of side × side invocations, each with blocks × blocks squares of 4 × 4 results, `depth` of inner at a time. */
export interface Tiling {
  side: number;
  blocks: number;
  depth: number;
}

/** The tilings by name. */
export const tilings = {
  small: { side: 8, blocks: 1, depth: 16 },
  middle: { side: 16, blocks: 1, depth: 16 },
  large: { side: 16, blocks: 2, depth: 8 },
} satisfies Record<string, Tiling>;

/** Name of a tiling. */
export type TilingName = keyof typeof tilings;

/** What the three parts of a tiled kernel's text need to agree on. */
export interface TilePlan extends Tiling {
  /** Rows and columns of a tile. */
  size: number;
  threads: number;
  transposeA: boolean;
  transposeB: boolean;
  /** Whether rows are aligned to four floats. */
  fourA: boolean;
  fourB: boolean;
  fourOut: boolean;
  /** How b is stored. */
  storage: MatrixStorage;
  factors: number;
  sum: boolean;
  accumulate: boolean;
  /** Which factors have a bias. */
  biased: boolean[];
  /** Vectors of four between lines of a tile: one of padding where a column of vectors is read. */
  strideA: number;
  strideB: number;
  /** Row in the tile of an invocation's line `i` of square `block`, as WGSL. */
  rowOf(block: number, i: number): string;
  columnOf(block: number, j: number): string;
}

const aligned = (...numbers: number[]) => numbers.every((number) => number % 4 === 0);

/** Memory's contiguous direction is kept in the tiles. */
export function tilePlan(product: SettledProduct, tiling: Tiling, storage: MatrixStorage): TilePlan {
  const { factors, rows, transposeA, transposeB, widthA, widthOut, sum, accumulate } = product,
    { side, blocks, depth } = tiling,
    size = side * blocks * 4;
  return {
    ...tiling,
    size,
    threads: side * side,
    transposeA,
    transposeB,
    fourA: aligned(widthA, ...factors.map(({ firstA }) => firstA)) &&
      (transposeA ? aligned(rows) : factors.every(({ inner }) => aligned(inner))),
    fourB: factors.every(({ inner, columns, firstB, widthB }) =>
      aligned(transposeB ? inner : columns, firstB, widthB)
    ),
    fourOut: !transposeB &&
      aligned(widthOut, ...factors.flatMap(({ columns, firstOut }) => [columns, firstOut])),
    storage,
    factors: factors.length,
    sum,
    accumulate,
    biased: factors.map(({ bias }) => bias !== undefined),
    strideA: transposeA ? size / 4 : depth / 4 + 1,
    strideB: transposeB ? depth / 4 + 1 : size / 4,
    rowOf: (block, i) => transposeA ? `(${block * side} + y) * 4 + ${i}` : `y + ${side * (4 * block + i)}`,
    columnOf: (block, j) => transposeB ? `x + ${side * (4 * block + j)}` : `(${block * side} + x) * 4 + ${j}`,
  };
}

/** Components of a vector of four. */
export const letters = "xyzw";

/** Runs `text` for the factor in hand. */
export function chosenFactor(count: number, text: (i: number) => string): string {
  return count === 1
    ? text(0)
    : Array.from({ length: count }, (_, i) => `if (chosen == ${i}) { ${text(i)} }`).join("\n");
}
