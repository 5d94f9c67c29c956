/**
 * Products with a frozen matrix that is stored in few bits: brought to float32 panel by panel in a thread's scratch, where the product
 * reads it while it is in the cache. For 24 rows that costs less than reading float32 from memory would, for a training pass nothing.
 */
import { memoryOf, memorySpan, panelBytes } from "../../backend/outer_memory.ts";
import type { StoredForm } from "../stored_form.ts";
import type { Gemm } from "./blas.ts";
import type { Thread } from "./pool.ts";

/** Where a matrix lies and how it is stored, as numbers that fit a task's arguments. */
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

/** Whether `b` begins where `a` ends and is stored as it is. */
function continues(a: StoredMatrix, b: StoredMatrix): boolean {
  const alike = a.kind === b.kind && a.columns === b.columns && a.words === b.words && a.group === b.group &&
    a.centre === b.centre && a.offsets === b.offsets;
  return alike && b.address === a.address + a.rows * a.words * 4 &&
    memoryOf(a.address) === memoryOf(b.address);
}

/** Matrices of one input as fewer, larger ones: neighbours that lie one behind the other and are stored alike are one. */
export function joined(matrices: readonly StoredMatrix[]): StoredMatrix[] {
  const found: StoredMatrix[] = [];
  for (const matrix of matrices) {
    const before = found.at(-1);
    if (before && continues(before, matrix)) {
      found[found.length - 1] = { ...before, rows: before.rows + matrix.rows };
    } else found.push(matrix);
  }
  return found;
}

/** Whether every kernel reads it as it lies: float32 on the heap. */
export const isPlain = ({ kind, address }: StoredMatrix): boolean => kind === 0 && address < memorySpan;

/** Numbers that a task takes for a matrix. */
export const STORED = 9;
/** The numbers that a task takes, and the matrix that they say. */
export const storedArguments = (
  { address, rows, columns, words, kind, group, centre, offsets }: StoredMatrix,
): number[] => [address % memorySpan, rows, columns, words, kind, group, centre, offsets, memoryOf(address)];
export function storedFrom(arguments_: Int32Array): StoredMatrix {
  const [place, rows, columns, words, kind, group, centre, offsets, memory] = arguments_;
  return {
    address: memory * memorySpan + (place >>> 0),
    rows,
    columns,
    words,
    kind,
    group,
    centre,
    offsets,
  };
}

/** Rows [from, to) of a matrix, and of each the numbers [first, end). */
interface Range {
  from: number;
  to: number;
  first: number;
  end: number;
}

/** An operand's place: address, floats from one row to the next. */
export interface Place {
  at: number;
  ld: number;
}

/** Whether the thread's product reads a matrix as it lies. */
export const readsAsItLies = ({ readsOuter }: Thread, matrix: StoredMatrix): boolean =>
  isPlain(matrix) || (readsOuter && matrix.kind === 0);

/** Where numbers of a matrix that products read as it lies begin. */
const within = ({ address, words }: StoredMatrix, { from, first }: Range): Place => ({
  at: address + (from * words + first) * 4,
  ld: words,
});

/**
 * Numbers that fit a panel in float32, one row behind the other, where the thread's product reads them: on the heap, or, for a product
 * that reads other memories too, in the memory that the matrix is in. `target`, on the heap, is where they must be otherwise.
 */
function panel(
  thread: Thread,
  matrix: StoredMatrix,
  { from, to, first, end }: Range,
  target?: number,
): Place {
  const { address, words, columns, kind, group, centre, offsets } = matrix, ld = end - first;
  const memory = memoryOf(address),
    expand = [columns, kind, group, centre, offsets, from, to, first, end] as const;
  const onHeap = target ?? thread.scratch;
  if (memory === 0) {
    if (kind !== 0) thread.kernels.expandRows(address, words, ...expand, onHeap, ld);
    else thread.kernels.copyRows(address + (from * words + first) * 4, words, onHeap, ld, to - from, ld);
    return { at: onHeap, ld };
  }
  const { kernels, panel, bytes } = thread.outer(memory), place = address % memorySpan;
  const heap = thread.heap().bytes;
  if (kind === 0) {
    for (let row = from; row < to; row++) {
      const start = place + (row * words + first) * 4;
      heap.set(bytes().subarray(start, start + 4 * ld), onHeap + 4 * (row - from) * ld);
    }
    return { at: onHeap, ld };
  }
  kernels.expandRows(place, words, ...expand, panel, ld);
  if (target === undefined && thread.readsOuter) return { at: memory * memorySpan + panel, ld };
  heap.set(bytes().subarray(panel, panel + 4 * (to - from) * ld), onHeap);
  return { at: onHeap, ld };
}

/** Runs of rows of which `width` numbers each fit a panel. */
function* panels({ scratchBytes }: Thread, [from, to]: [number, number], width: number) {
  const rows = Math.max(1, Math.floor(Math.min(panelBytes, scratchBytes) / (4 * width)));
  for (let row = from; row < to; row += rows) yield [row, Math.min(to, row + rows)] as const;
}

/** Numbers [first, end) of rows [from, to) in float32 at `target` on the heap, one row behind the other. */
export function expand(
  thread: Thread,
  matrix: StoredMatrix,
  { from, to, first = 0, end = matrix.columns }: Pick<Range, "from" | "to"> & Partial<Range>,
  target: number,
): void {
  for (const [row, last] of panels(thread, [from, to], end - first)) {
    panel(thread, matrix, { from: row, to: last, first, end }, target + (row - from) * (end - first) * 4);
  }
}

/** y[m × (to − from)] (+)= x[m × (end − first)] · W[from:to, first:end]ᵀ. */
export function timesTransposed(
  thread: Thread,
  matrix: StoredMatrix,
  {
    m,
    x,
    y,
    accumulate = false,
    gemm = thread.gemm,
    from = 0,
    to = matrix.rows,
    first = 0,
    end = matrix.columns,
  }:
    & { m: number; x: Place; y: Place; accumulate?: boolean; gemm?: Gemm }
    & Partial<Range>,
): void {
  const k = end - first;
  const multiply = (row: number, last: number, { at, ld }: Place) =>
    gemm(false, true, m, last - row, k, x.at, x.ld, at, ld, y.at + (row - from) * 4, y.ld, accumulate);
  if (readsAsItLies(thread, matrix)) return multiply(from, to, within(matrix, { from, to, first, end }));
  for (const [row, last] of panels(thread, [from, to], k)) {
    multiply(row, last, panel(thread, matrix, { from: row, to: last, first, end }));
  }
}

/** y[m × (end − first)] (+)= x[m × rows] · W[:, first:end]. */
export function times(
  thread: Thread,
  matrix: StoredMatrix,
  { m, x, y, accumulate = false, first = 0, end = matrix.columns }:
    & { m: number; x: Place; y: Place; accumulate?: boolean }
    & Partial<Pick<Range, "first" | "end">>,
): void {
  const n = end - first;
  const multiply = (row: number, last: number, { at, ld }: Place) =>
    thread.gemm(
      false,
      false,
      m,
      n,
      last - row,
      x.at + row * 4,
      x.ld,
      at,
      ld,
      y.at,
      y.ld,
      accumulate || row > 0,
    );
  const whole = { from: 0, to: matrix.rows, first, end };
  if (readsAsItLies(thread, matrix)) return multiply(0, matrix.rows, within(matrix, whole));
  for (const [row, last] of panels(thread, [0, matrix.rows], n)) {
    multiply(row, last, panel(thread, matrix, { from: row, to: last, first, end }));
  }
}
