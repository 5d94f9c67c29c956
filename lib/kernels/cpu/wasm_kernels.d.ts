// deno-fmt-ignore-file
/** The exports of kernels.wasm, on byte addresses. Generated from its sources by `deno task kernels`. */
export interface WasmKernels {
  gemmScratch(): number;
  gemm(M: number, N: number, K: number, A: number, ars: number, acs: number, B: number, brs: number, bcs: number, C: number, ldc: number, accumulate: boolean, scratch: number): void;
  sexp(x: number): number;
  slog(x: number): number;
  stanh(x: number): number;
  fill(dst: number, n: number, value: number): void;
  accumulate(dst: number, src: number, n: number): void;
  scaleInPlace(dst: number, n: number, factor: number): void;
  rmsForward(x: number, xs: number, w: number, residual: number, y: number, ys: number, from: number, to: number, d: number, eps: number, one: number): void;
  rmsBackward(x: number, xs: number, w: number, dy: number, ys: number, dx: number, dxs: number, dw: number, from: number, to: number, d: number, eps: number, one: number): void;
  qkForward(x: number, xs: number, y: number, ys: number, wq: number, wk: number, cos: number, sin: number, positions: number, from: number, to: number, heads: number, kvHeads: number, hd: number, eps: number, one: number): void;
  qkBackward(x: number, xs: number, dy: number, ys: number, dx: number, wq: number, wk: number, dwq: number, dwk: number, cos: number, sin: number, positions: number, from: number, to: number, heads: number, kvHeads: number, hd: number, eps: number, one: number): void;
  causalSoftmax(s: number, ld: number, rows: number, first: number, cols: number, scale: number, softcap: number, window: number): void;
  causalSoftmaxBackward(p: number, dp: number, raw: number, ld: number, rows: number, cols: number, scale: number, softcap: number): void;
  decodeAttention(q: number, keys: number, values: number, sharedKeys: number, sharedValues: number, shared: number, out: number, scores: number, length: number, capacity: number, heads: number, kvHeads: number, hd: number, scale: number, softcap: number, window: number): void;
  gatedForward(x: number, y: number, from: number, to: number, f: number, kind: number): void;
  gatedBackward(x: number, dy: number, dx: number, from: number, to: number, f: number, kind: number): void;
  softcapInPlace(x: number, n: number, cap: number): void;
  logprobRows(x: number, targets: number, logprob: number, lse: number, entropy: number, hit: number, rows: number, v: number, beta: number): void;
  logprobRowsBackward(x: number, targets: number, lse: number, g: number, entropy: number, e: number, rows: number, v: number, beta: number, cap: number): void;
  gatherRows(ids: number, table: number, y: number, from: number, to: number, d: number, scale: number): void;
  scatterRows(ids: number, dy: number, table: number, n: number, d: number, from: number, to: number, scale: number): void;
  adamw(p: number, g: number, m: number, v: number, from: number, to: number, lr: number, b1: number, b2: number, c1: number, c2: number, eps: number, decay: number, gscale: number): void;
  squaredNorm(g: number, n: number): number;
  clearRows(dst: number, rows: number, ld: number, n: number): void;
  copyRows(src: number, sld: number, dst: number, dld: number, rows: number, n: number): void;
  addBias(x: number, ld: number, bias: number, rows: number, n: number): void;
  biasBackward(dy: number, ld: number, db: number, rows: number, n: number): void;
  expandRows(src: number, words: number, columns: number, kind: number, group: number, centre: number, offsets: number, from: number, to: number, first: number, end: number, dst: number, ld: number): void;
  gumbel(seed: number, counter: number, index: number): number;
  argmax(x: number, n: number): number;
  gumbelArgmax(x: number, n: number, beta: number, floor: number, seed: number, counter: number): number;
}
