/**
 * The operations that threads share, by number. Each reads its arguments from the control block (integers from word
 * 0, floats from word 40) and computes one chunk. Addresses are bytes on the heap and may pass 2 GiB, hence `>>> 0`.
 */
import { memorySpan } from "../../backend/outer_memory.ts";
import { decodeTask } from "./decode_phases.ts";
import type { Task, Thread } from "./pool.ts";
import { expand, STORED, storedFrom, times, timesTransposed } from "./stored_product.ts";

/** First float argument. */
export const FLOATS = 40;

/** Query rows at a time: at most 64, and fewer where three [rows × length] matrices would not fit the scratch. */
const queryRows = ({ scratchBytes }: Thread, length: number) =>
  Math.max(1, Math.min(64, Math.floor(scratchBytes / (12 * length))));

function part(total: number, index: number, count: number, multiple = 1): [number, number] {
  const size = Math.ceil(total / count / multiple) * multiple;
  return [Math.min(total, index * size), Math.min(total, (index + 1) * size)];
}

const gemm: Task = ({ gemm, i32: a }, index, count) => {
  const [tA, tB, m, n, k, , lda, , ldb, , ldc, accumulate] = a;
  const at = { a: a[5] >>> 0, b: a[12] * memorySpan + (a[7] >>> 0), c: a[9] >>> 0 };
  const [from, to] = part(a[13] ? n : m, index, count, 8);
  if (to <= from) return;
  if (a[13]) {
    at.b += (tB ? from * ldb : from) * 4;
    at.c += from * 4;
    gemm(!!tA, !!tB, m, to - from, k, at.a, lda, at.b, ldb, at.c, ldc, !!accumulate);
  } else {
    at.a += (tA ? from : from * lda) * 4;
    at.c += from * ldc * 4;
    gemm(!!tA, !!tB, to - from, n, k, at.a, lda, at.b, ldb, at.c, ldc, !!accumulate);
  }
};

const rmsForward: Task = ({ kernels, i32: a, f32: f }, index, count) => {
  const [from, to] = part(a[6], index, count);
  kernels.rmsForward(a[0], a[1], a[2], a[3], a[4], a[5], from, to, a[7], f[FLOATS], f[FLOATS + 1]);
};

const rmsBackward: Task = ({ kernels, i32: a, f32: f }, index, count) => {
  const [from, to] = part(a[8], index, count), dw = (a[7] >>> 0) + index * a[9] * 4;
  kernels.fill(dw, a[9], 0);
  kernels.rmsBackward(a[0], a[1], a[2], a[3], a[4], a[5], a[6], dw, from, to, a[9], f[FLOATS], f[FLOATS + 1]);
};

/** What both rotations read of an array of `rows` rows: norms and tables first, as the kernels take them. */
type Rotation = [wq: number, wk: number, cos: number, sin: number, positions: number];

const qkForward: Task = ({ kernels, i32: a, f32: f }, index, count) => {
  const [from, to] = part(a[9], index, count), [heads, kvHeads, hd] = a.subarray(10, 13);
  const rotation = [...a.subarray(4, 9)] as Rotation, norm = [f[FLOATS], f[FLOATS + 1]] as const;
  kernels.qkForward(a[0], a[1], a[2], a[3], ...rotation, from, to, heads, kvHeads, hd, ...norm);
};

const qkBackward: Task = ({ kernels, i32: a, f32: f }, index, count) => {
  const [from, to] = part(a[10], index, count), [heads, kvHeads, hd, partials] = a.subarray(11, 15);
  const dwq = (partials >>> 0) + index * 2 * hd * 4, dwk = dwq + hd * 4;
  kernels.fill(dwq, 2 * hd, 0);
  const [wq, wk, ...tables] = [...a.subarray(5, 10)] as Rotation, norm = [f[FLOATS], f[FLOATS + 1]] as const;
  const [packed, width, dRotated, rotatedWidth, dPacked] = a;
  kernels.qkBackward(
    ...[packed, width, dRotated, rotatedWidth, dPacked, wq, wk, dwq, dwk] as const,
    ...tables,
    ...[from, to, heads, kvHeads, hd] as const,
    ...norm,
  );
};

/** Arguments of both attention tasks: packed, rotated, out, starts, lengths, sequences, heads, kvHeads, hd, window, … */
function attentionShape({ i32: a, f32: f }: Thread) {
  return {
    packed: a[0] >>> 0,
    rotated: a[1] >>> 0,
    out: a[2] >>> 0,
    starts: (a[3] >>> 0) / 4,
    lengths: (a[4] >>> 0) / 4,
    sequences: a[5],
    heads: a[6],
    kvHeads: a[7],
    hd: a[8],
    window: a[9],
    dPacked: a[10] >>> 0,
    dRotated: a[11] >>> 0,
    dOut: a[12] >>> 0,
    prefixes: (a[13] >>> 0) / 4,
    families: (a[14] >>> 0) / 4,
    familyCount: a[15],
    scale: f[FLOATS],
    softcap: f[FLOATS + 1],
  };
}

/** Keys that a block of queries sees: consecutive rows of the batch, and their place among the block's columns. */
interface KeyRun {
  row: number;
  columns: number;
  at: number;
}

/** A block of query rows of one sequence: its rows, the columns of its scores, the first query's column, its keys. */
function* queryBlocks(thread: Thread, s: ReturnType<typeof attentionShape>, sequence: number) {
  const { ints } = thread.heap(), start = ints[s.starts + sequence], length = ints[s.lengths + sequence];
  const prefix = ints[s.prefixes + sequence], before = prefix < 0 ? 0 : ints[s.lengths + prefix];
  const blockRows = queryRows(thread, before + length);
  for (let row = 0; row < length; row += blockRows) {
    const rows = Math.min(blockRows, length - row), first = before + row;
    const low = s.window ? Math.max(0, first - s.window + 1) : 0, columns = first + rows - low;
    const shared = Math.max(0, before - low), runs: KeyRun[] = [];
    if (shared) runs.push({ row: ints[s.starts + prefix] + low, columns: shared, at: 0 });
    runs.push({ row: start + Math.max(0, low - before), columns: columns - shared, at: shared });
    yield { row: start + row, rows, columns, first: first - low, runs, blockRows };
  }
}

const attentionForward: Task = (thread, index, count) => {
  const { kernels, gemm, scratch } = thread, s = attentionShape(thread), { heads, kvHeads, hd } = s;
  const wide = (heads + 2 * kvHeads) * hd, rotatedWide = (heads + kvHeads) * hd, outWide = heads * hd;
  const group = heads / kvHeads, [from, to] = part(s.sequences * kvHeads, index, count);
  for (let unit = from; unit < to; unit++) {
    const kv = unit % kvHeads;
    for (const { row, rows, columns, first, runs } of queryBlocks(thread, s, Math.floor(unit / kvHeads))) {
      for (let head = kv * group; head < (kv + 1) * group; head++) {
        const query = s.rotated + (row * rotatedWide + head * hd) * 4;
        for (const run of runs) {
          const key = s.rotated + (run.row * rotatedWide + (heads + kv) * hd) * 4,
            scores = scratch + run.at * 4;
          gemm(
            false,
            true,
            rows,
            run.columns,
            hd,
            query,
            rotatedWide,
            key,
            rotatedWide,
            scores,
            columns,
            false,
          );
        }
        kernels.causalSoftmax(scratch, columns, rows, first, columns, s.scale, s.softcap, s.window);
        const out = s.out + (row * outWide + head * hd) * 4;
        for (const run of runs) {
          const value = s.packed + (run.row * wide + (heads + kvHeads + kv) * hd) * 4,
            p = scratch + run.at * 4;
          gemm(false, false, rows, hd, run.columns, p, columns, value, wide, out, outWide, run !== runs[0]);
        }
      }
    }
  }
};

const attentionBackward: Task = (thread, index, count) => {
  const { kernels, gemm, scratch } = thread, s = attentionShape(thread), { heads, kvHeads, hd } = s;
  const { ints } = thread.heap(), group = heads / kvHeads;
  const wide = (heads + 2 * kvHeads) * hd, rotatedWide = (heads + kvHeads) * hd, outWide = heads * hd;
  // a prefix gathers gradients from all that continue it, so a family stays on one thread
  const [from, to] = part(s.familyCount * kvHeads, index, count);
  for (let unit = from; unit < to; unit++) {
    const family = Math.floor(unit / kvHeads), kv = unit % kvHeads, end = ints[s.families + family + 1];
    const keyOf = (row: number) => (row * rotatedWide + (heads + kv) * hd) * 4,
      valueOf = (row: number) => (row * wide + (heads + kvHeads + kv) * hd) * 4;
    for (let sequence = ints[s.families + family]; sequence < end; sequence++) {
      const start = ints[s.starts + sequence], length = ints[s.lengths + sequence];
      kernels.clearRows(s.dRotated + keyOf(start), length, rotatedWide, hd);
      kernels.clearRows(s.dPacked + valueOf(start), length, wide, hd);
      for (const { row, rows, columns, first, runs, blockRows } of queryBlocks(thread, s, sequence)) {
        const p = scratch, dp = p + blockRows * columns * 4, raw = dp + blockRows * columns * 4;
        for (let head = kv * group; head < (kv + 1) * group; head++) {
          const query = (row * rotatedWide + head * hd) * 4, dOut = s.dOut + (row * outWide + head * hd) * 4;
          const q = s.rotated + query, dq = s.dRotated + query;
          for (const { row, columns: n, at } of runs) {
            const key = s.rotated + keyOf(row);
            gemm(false, true, rows, n, hd, q, rotatedWide, key, rotatedWide, p + at * 4, columns, false);
          }
          if (s.softcap) kernels.copyRows(p, columns, raw, columns, rows, columns);
          kernels.causalSoftmax(p, columns, rows, first, columns, s.scale, s.softcap, s.window);
          for (const { row, columns: n, at } of runs) {
            const value = s.packed + valueOf(row), dValue = s.dPacked + valueOf(row);
            gemm(true, false, n, hd, rows, p + at * 4, columns, dOut, outWide, dValue, wide, true);
            gemm(false, true, rows, n, hd, dOut, outWide, value, wide, dp + at * 4, columns, false);
          }
          kernels.causalSoftmaxBackward(p, dp, raw, columns, rows, columns, s.scale, s.softcap);
          for (const run of runs) {
            const key = s.rotated + keyOf(run.row), dKey = s.dRotated + keyOf(run.row), d = dp + run.at * 4;
            const n = run.columns, more = run !== runs[0];
            gemm(false, false, rows, hd, n, d, columns, key, rotatedWide, dq, rotatedWide, more);
            gemm(true, false, n, hd, rows, d, columns, q, rotatedWide, dKey, rotatedWide, true);
          }
        }
      }
    }
  }
};

const gatedForward: Task = ({ kernels, i32: a }, index, count) => {
  const [from, to] = part(a[2], index, count);
  kernels.gatedForward(a[0], a[1], from, to, a[3], a[4]);
};
const gatedBackward: Task = ({ kernels, i32: a }, index, count) => {
  const [from, to] = part(a[3], index, count);
  kernels.gatedBackward(a[0], a[1], a[2], from, to, a[4], a[5]);
};

/** First argument of the vocabulary's table, as `storedArguments` gives it. */
export const TABLE = 20;

/** Log-probabilities of rows in blocks that fit `block` rows of logits, which the next ones write over, or are `kept` whole. */
const logprobs: Task = (thread, index, count) => {
  const { kernels, i32: a, f32: f } = thread, table = storedFrom(a.subarray(TABLE, TABLE + STORED));
  const [hidden, , targets, logprob, lse, entropy, hit] = Array.from(a.subarray(0, 7), (x) => x >>> 0);
  const [n, v, d, , block, kept] = a.subarray(7, 13), all = a[10] >>> 0;
  const [from, to] = part(n, index, count), [beta, cap] = [f[FLOATS], f[FLOATS + 1]];
  for (let row = from; row < to; row += block) {
    const rows = Math.min(block, to - row), o = row * 4, logits = all + (kept ? row : index * block) * v * 4;
    timesTransposed(thread, table, {
      m: rows,
      x: { at: hidden + row * d * 4, ld: d },
      y: { at: logits, ld: v },
    });
    if (cap) kernels.softcapInPlace(logits, rows * v, cap);
    kernels.logprobRows(logits, targets + o, logprob + o, lse + o, entropy + o, hit + o, rows, v, beta);
  }
};
const logprobsBackward: Task = (thread, index, count) => {
  const { kernels, gemm, i32: a, f32: f } = thread, table = storedFrom(a.subarray(TABLE, TABLE + STORED));
  const [hidden, , targets, g, lse, entropy, e, dHidden, dTables] = Array.from(
    a.subarray(0, 9),
    (x) => x >>> 0,
  );
  const [n, v, d, , block, kept] = a.subarray(9, 15), all = a[12] >>> 0;
  const [from, to] = part(n, index, count), [beta, cap] = [f[FLOATS], f[FLOATS + 1]];
  const dTable = dTables + index * v * d * 4;
  if (dTables) kernels.fill(dTable, v * d, 0);
  for (let row = from; row < to; row += block) {
    const rows = Math.min(block, to - row), o = row * 4, logits = all + (kept ? row : index * block) * v * 4;
    if (!kept) {
      timesTransposed(thread, table, {
        m: rows,
        x: { at: hidden + row * d * 4, ld: d },
        y: { at: logits, ld: v },
      });
      if (cap) kernels.softcapInPlace(logits, rows * v, cap);
    }
    const own = e ? e + o : 0;
    kernels.logprobRowsBackward(logits, targets + o, lse + o, g + o, entropy + o, own, rows, v, beta, cap);
    times(thread, table, { m: rows, x: { at: logits, ld: v }, y: { at: dHidden + row * d * 4, ld: d } });
    if (dTables) gemm(true, false, v, d, rows, logits, v, hidden + row * d * 4, d, dTable, d, true);
  }
};

const gatherRows: Task = ({ kernels, i32: a, f32: f }, index, count) => {
  const [from, to] = part(a[3], index, count);
  kernels.gatherRows(a[0], a[1], a[2], from, to, a[4], f[FLOATS]);
};
/** Rows of a stored table: ids, y, rows, then the table. */
const gatherStored: Task = (thread, index, count) => {
  const { kernels, i32: a, f32: f } = thread, [from, to] = part(a[2], index, count);
  const table = storedFrom(a.subarray(3, 3 + STORED)), { ints } = thread.heap();
  for (let row = from; row < to; row++) {
    const id = ints[(a[0] >>> 0) / 4 + row];
    expand(thread, table, { from: id, to: id + 1 }, (a[1] >>> 0) + row * table.columns * 4);
  }
  const start = (a[1] >>> 0) + from * table.columns * 4;
  if (f[FLOATS] !== 1) kernels.scaleInPlace(start, (to - from) * table.columns, f[FLOATS]);
};
/** y = x·Wᵀ with a stored W, by columns of y: x, rows, y and its row length, then the matrix. */
const storedForward: Task = (thread, index, count) => {
  const { i32: a } = thread, matrix = storedFrom(a.subarray(4, 4 + STORED));
  const [from, to] = part(matrix.rows, index, count, 16), ld = a[3];
  if (to <= from) return;
  const x = { at: a[0] >>> 0, ld: matrix.columns }, y = { at: (a[2] >>> 0) + from * 4, ld };
  timesTransposed(thread, matrix, { m: a[1], x, y, from, to });
};
/** dx (+)= dy·W with a stored W, by columns of dx: dy and its row length, rows, dx, whether it is added, then the matrix. */
const storedBackward: Task = (thread, index, count) => {
  const { i32: a } = thread, matrix = storedFrom(a.subarray(5, 5 + STORED));
  const [first, end] = part(matrix.columns, index, count, 32);
  if (end <= first) return;
  const x = { at: a[0] >>> 0, ld: a[1] }, y = { at: (a[3] >>> 0) + first * 4, ld: matrix.columns };
  times(thread, matrix, { m: a[2], x, y, accumulate: !!a[4], first, end });
};
const scatterRows: Task = ({ kernels, i32: a, f32: f }, index, count) => {
  const [from, to] = part(a[4], index, count, 4);
  kernels.scatterRows(a[0], a[1], a[2], a[3], a[4], from, to, f[FLOATS]);
};
const adamw: Task = ({ kernels, i32: a, f32: f }, index, count) => {
  const [from, to] = part(a[4], index, count, 4), h = f.subarray(FLOATS);
  if (to > from) {
    kernels.adamw(a[0], a[1], a[2], a[3], from, to, h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]);
  }
};

/** All operations, in the order of `TASK`'s numbers. */
export const tasks: Task[] = [
  gemm,
  rmsForward,
  rmsBackward,
  qkForward,
  qkBackward,
  attentionForward,
  attentionBackward,
  gatedForward,
  gatedBackward,
  logprobs,
  logprobsBackward,
  gatherRows,
  scatterRows,
  adamw,
  decodeTask,
  gatherStored,
  storedForward,
  storedBackward,
];

/** The number of each operation. */
export const TASK = {
  gemm: 0,
  rmsForward: 1,
  rmsBackward: 2,
  qkForward: 3,
  qkBackward: 4,
  attentionForward: 5,
  attentionBackward: 6,
  gatedForward: 7,
  gatedBackward: 8,
  logprobs: 9,
  logprobsBackward: 10,
  gatherRows: 11,
  scatterRows: 12,
  adamw: 13,
  decode: 14,
  gatherStored: 15,
  storedForward: 16,
  storedBackward: 17,
} as const;
