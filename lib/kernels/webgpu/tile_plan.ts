import type { MatrixStorage } from "./matrix_storage.ts";
import type { SettledProduct } from "./product.ts";

/** Workgroup of side × side invocations, each with blocks × blocks squares of 4 × 4 results, `depth` of inner at a time. */
export interface Tiling {
  side: number;
  blocks: number;
  depth: number;
  /** Whether tiles lie twice in workgroup memory: one is filled while the other is multiplied. */
  double: boolean;
}

/**
 * The tilings by name. All read the next depth into registers under the products of this one. `large_double` then waits once a depth and
 * not twice, for the whole 16 KiB of workgroup memory that every adapter grants where `large` takes 12: fewer workgroups fit a
 * processor. Which of both is faster differs by card; `tests/bench/gpu.ts` forces each.
 */
export const tilings = {
  small: { side: 8, blocks: 1, depth: 16, double: false },
  middle: { side: 16, blocks: 1, depth: 16, double: false },
  large: { side: 16, blocks: 2, depth: 8, double: false },
  large_double: { side: 16, blocks: 2, depth: 8, double: true },
} satisfies Record<string, Tiling>;

/** Name of a tiling. */
export type TilingName = keyof typeof tilings;

/** A tile of one side of the product in workgroup memory. */
export interface TileSide {
  /** Whether its lines are rows or columns of the result, and go along inner; else the other way round. */
  alongInner: boolean;
  /** Vectors of four that it takes. */
  vectors: number;
  /** Vectors of a line. */
  perLine: number;
  /**
   * Place of a line's vector `unit`, as WGSL. A column of vectors is read at once, from as many banks as there are only where lines are
   * padded or, in tiles that lie twice, turned: by `turn`, which is the same for all lines a multiple of 8 apart.
   */
  place(line: string, unit: string, turn: string): string;
  /** The turn of a line, as WGSL. */
  turn(line: string): string;
}

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
  a: TileSide;
  b: TileSide;
  /** Row in the tile of an invocation's line `i` of square `block`, as WGSL. */
  rowOf(block: number, i: number): string;
  columnOf(block: number, j: number): string;
}

const aligned = (...numbers: number[]) => numbers.every((number) => number % 4 === 0);

/** Memory's contiguous direction is kept in the tiles. */
export function tilePlan(product: SettledProduct, tiling: Tiling, storage: MatrixStorage): TilePlan {
  const { factors, rows, transposeA, transposeB, widthA, widthOut, sum, accumulate } = product,
    { side, blocks } = tiling,
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
    a: tileSide(!transposeA, size, tiling),
    b: tileSide(transposeB, size, tiling),
    rowOf: (block, i) => transposeA ? `(${block * side} + y) * 4 + ${i}` : `y + ${side * (4 * block + i)}`,
    columnOf: (block, j) => transposeB ? `x + ${side * (4 * block + j)}` : `(${block * side} + x) * 4 + ${j}`,
  };
}

function tileSide(alongInner: boolean, size: number, { depth, double }: Tiling): TileSide {
  const perLine = (alongInner ? depth : size) / 4, padded = alongInner && !double;
  const stride = padded ? perLine + 1 : perLine, turned = alongInner && double;
  return {
    alongInner,
    vectors: (alongInner ? size : depth) * stride,
    perLine,
    place: (line, unit, turn) => `(${line}) * ${stride} + ${turned ? `((${unit}) ^ ${turn})` : unit}`,
    // eight vectors are all banks
    turn: (line) => turned ? `((${line}) / ${8 / perLine} & ${perLine - 1})` : "0",
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
