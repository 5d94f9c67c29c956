/**
 * Products with a frozen matrix that is stored in few bits: brought to float32 panel by panel in a thread's scratch, where the product
 * reads it while it is in the cache. For 24 rows that costs less than reading float32 from memory would, for a training pass nothing.
 */
import type { StoredForm } from "../stored_form.ts";
import type { Thread } from "./pool.ts";

/** A matrix on the heap and how it is stored, as numbers that fit a task's arguments. */
export interface StoredMatrix {
  address: number;
  rows: number;
  columns: number;
  /** Length of a stored row in 32-bit words. */
  words: number;
  /** As `expandRows` has it: 0 float32, 1 float16, 2 bfloat16, 8 and 4 bits. */
  kind: number;
  group: number;
  centre: number;
  offsets: number;
}

const kinds = { float32: 0, float16: 1, bfloat16: 2 } as const;

/** The matrix at `address` whose tensor has rows of `words` words. */
export function storedMatrix(
  address: number,
  words: number,
  { kind, shape: [rows, columns], bits, group, centre, offsets }: StoredForm,
): StoredMatrix {
  return {
    address,
    rows,
    columns,
    words,
    kind: kind === "quantised" ? bits : kinds[kind],
    group,
    centre,
    offsets: offsets ? 1 : 0,
  };
}

/** The eight numbers that a task takes, and the matrix that they say. */
export const storedArguments = (
  { address, rows, columns, words, kind, group, centre, offsets }: StoredMatrix,
): number[] => [address, rows, columns, words, kind, group, centre, offsets];
export function storedFrom(arguments_: Int32Array): StoredMatrix {
  const [address, rows, columns, words, kind, group, centre, offsets] = arguments_;
  return { address: address >>> 0, rows, columns, words, kind, group, centre, offsets };
}

/** Bytes of a panel: it, a part of the input and of the result share a core's second cache. */
const panelBytes = 512 << 10;

/** Numbers [first, end) of rows [from, to) in float32 at `to`, one row behind the other. */
export function expand(
  { kernels }: Thread,
  { address, columns, words, kind, group, centre, offsets }: StoredMatrix,
  { from, to, first = 0, end = columns }: { from: number; to: number; first?: number; end?: number },
  target: number,
): void {
  const numbers = [kind, group, centre, offsets] as const;
  kernels.expandRows(address, words, columns, ...numbers, from, to, first, end, target, end - first);
}

/** Runs of rows of which `width` numbers each fit a panel. */
function* panels({ scratchBytes }: Thread, [from, to]: [number, number], width: number) {
  const rows = Math.max(1, Math.floor(Math.min(panelBytes, scratchBytes) / (4 * width)));
  for (let row = from; row < to; row += rows) yield [row, Math.min(to, row + rows)] as const;
}

/** An operand's place: address, floats from one row to the next. */
export interface Place {
  at: number;
  ld: number;
}

/** y[m × (to − from)] (+)= x[m × (end − first)] · W[from:to, first:end]ᵀ. */
export function timesTransposed(
  thread: Thread,
  matrix: StoredMatrix,
  { m, x, y, accumulate = false, from = 0, to = matrix.rows, first = 0, end = matrix.columns }: {
    m: number;
    x: Place;
    y: Place;
    accumulate?: boolean;
    from?: number;
    to?: number;
    first?: number;
    end?: number;
  },
): void {
  const { gemm, scratch } = thread, k = end - first;
  if (matrix.kind === 0) {
    const start = matrix.address + (from * matrix.words + first) * 4;
    gemm(false, true, m, to - from, k, x.at, x.ld, start, matrix.words, y.at, y.ld, accumulate);
    return;
  }
  for (const [row, last] of panels(thread, [from, to], k)) {
    expand(thread, matrix, { from: row, to: last, first, end }, scratch);
    gemm(false, true, m, last - row, k, x.at, x.ld, scratch, k, y.at + (row - from) * 4, y.ld, accumulate);
  }
}

/** y[m × (end − first)] (+)= x[m × rows] · W[:, first:end]. */
export function times(
  thread: Thread,
  matrix: StoredMatrix,
  { m, x, y, accumulate = false, first = 0, end = matrix.columns }: {
    m: number;
    x: Place;
    y: Place;
    accumulate?: boolean;
    first?: number;
    end?: number;
  },
): void {
  const { gemm, scratch } = thread, n = end - first;
  if (matrix.kind === 0) {
    const start = matrix.address + first * 4;
    gemm(false, false, m, n, matrix.rows, x.at, x.ld, start, matrix.words, y.at, y.ld, accumulate);
    return;
  }
  for (const [row, last] of panels(thread, [0, matrix.rows], n)) {
    expand(thread, matrix, { from: row, to: last, first, end }, scratch);
    gemm(false, false, m, n, last - row, x.at + row * 4, x.ld, scratch, n, y.at, y.ld, accumulate || row > 0);
  }
}
