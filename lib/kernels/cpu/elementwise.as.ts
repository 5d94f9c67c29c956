// Fused row kernels for the CPU path, compiled by `deno task kernels` into kernels.wasm on tfjs-wasm's own heap.
// They exist because one tfjs call a primitive costs more than the arithmetic of a small model. Every kernel works
// on rows [from, to), so that the main thread and the workers can share it. No data segment may appear here:
// it would overwrite tfjs's heap; so exp, log and tanh are polynomials.

import { E0, E1, E2, E3, E4, EXP_MAX, EXP_MIN, HALF, LN2_HIGH, LN2_LOW, LOG2_E, ROUND, vexpWith, GELU, GELU_CUBE, GELU_SLOPE, GELU_SLOPE_CUBE, ONE, sexp, slog, stanh, vexp, vtanh } from "./vector_math.as";

@inline function hsum(v: v128): f32 {
  return (f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1)) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}
@inline function hmax(v: v128): f32 {
  return max(max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)), max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)));
}

// Four sums, because one would wait for each addition.
function dot(a: usize, b: usize, n: i32): f32 {
  let s = f32x4.splat(0), t = s, u = s, v = s, i = 0;
  const n16 = n & ~15, n4 = n & ~3;
  for (; i < n16; i += 16, a += 64, b += 64) {
    s = f32x4.relaxed_madd(v128.load(a), v128.load(b), s);
    t = f32x4.relaxed_madd(v128.load(a, 16), v128.load(b, 16), t);
    u = f32x4.relaxed_madd(v128.load(a, 32), v128.load(b, 32), u);
    v = f32x4.relaxed_madd(v128.load(a, 48), v128.load(b, 48), v);
  }
  for (; i < n4; i += 4, a += 16, b += 16) s = f32x4.relaxed_madd(v128.load(a), v128.load(b), s);
  let sum = hsum(f32x4.add(f32x4.add(s, t), f32x4.add(u, v)));
  for (; i < n; i++, a += 4, b += 4) sum += load<f32>(a) * load<f32>(b);
  return sum;
}

/** dst[0..n) = value. */
export function fill(dst: usize, n: i32, value: f32): void {
  const v = f32x4.splat(value), n4 = n & ~3;
  for (let i = 0; i < n4; i += 4) v128.store(dst + (i << 2), v);
  for (let i = n4; i < n; i++) store<f32>(dst + (i << 2), value);
}

/** dst += src over n floats. */
export function accumulate(dst: usize, src: usize, n: i32): void {
  const n4 = n & ~3;
  for (let i = 0; i < n4; i += 4) v128.store(dst + (i << 2), f32x4.add(v128.load(dst + (i << 2)), v128.load(src + (i << 2))));
  for (let i = n4; i < n; i++) store<f32>(dst + (i << 2), load<f32>(dst + (i << 2)) + load<f32>(src + (i << 2)));
}

/** dst *= factor over n floats. */
export function scaleInPlace(dst: usize, n: i32, factor: f32): void {
  const f = f32x4.splat(factor), n4 = n & ~3;
  for (let i = 0; i < n4; i += 4) v128.store(dst + (i << 2), f32x4.mul(v128.load(dst + (i << 2)), f));
  for (let i = n4; i < n; i++) store<f32>(dst + (i << 2), load<f32>(dst + (i << 2)) * factor);
}

// ---- RMSNorm. y = x / rms(x) * (w + one) [+ residual]; `xs`, `ys` are row strides in floats.

export function rmsForward(x: usize, xs: i32, w: usize, residual: usize, y: usize, ys: i32, from: i32, to: i32, d: i32, eps: f32, one: f32): void {
  const d4 = d & ~3, vone = f32x4.splat(one);
  for (let r = from; r < to; r++) {
    const px = x + (<usize>r * xs << 2), py = y + (<usize>r * ys << 2), pr = residual + (<usize>r * ys << 2);
    const q = <f32>1 / sqrt<f32>(dot(px, px, d) / <f32>d + eps), vq = f32x4.splat(q);
    for (let i = 0; i < d4; i += 4) {
      let v = f32x4.mul(f32x4.mul(v128.load(px + (i << 2)), vq), f32x4.add(v128.load(w + (i << 2)), vone));
      if (residual) v = f32x4.add(v, v128.load(pr + (i << 2)));
      v128.store(py + (i << 2), v);
    }
    for (let i = d4; i < d; i++) {
      let v = load<f32>(px + (i << 2)) * q * (load<f32>(w + (i << 2)) + one);
      if (residual) v += load<f32>(pr + (i << 2));
      store<f32>(py + (i << 2), v);
    }
  }
}

/** dx (row stride xs) and, added to dw, the weight's gradient of these rows; dy has row stride ys. */
export function rmsBackward(x: usize, xs: i32, w: usize, dy: usize, ys: i32, dx: usize, dxs: i32, dw: usize, from: i32, to: i32, d: i32, eps: f32, one: f32): void {
  const d4 = d & ~3, vone = f32x4.splat(one);
  for (let r = from; r < to; r++) {
    const px = x + (<usize>r * xs << 2), pg = dy + (<usize>r * ys << 2), po = dx + (<usize>r * dxs << 2);
    let s = f32x4.splat(0), t = f32x4.splat(0);
    for (let i = 0; i < d4; i += 4) {
      const v = v128.load(px + (i << 2));
      s = f32x4.relaxed_madd(v, v, s);
      t = f32x4.relaxed_madd(f32x4.mul(v128.load(pg + (i << 2)), f32x4.add(v128.load(w + (i << 2)), vone)), v, t);
    }
    let ss = hsum(s), tt = hsum(t);
    for (let i = d4; i < d; i++) {
      const v = load<f32>(px + (i << 2));
      ss += v * v;
      tt += load<f32>(pg + (i << 2)) * (load<f32>(w + (i << 2)) + one) * v;
    }
    const q = <f32>1 / sqrt<f32>(ss / <f32>d + eps), u = tt * q * q * q / <f32>d, vq = f32x4.splat(q), vu = f32x4.splat(u);
    for (let i = 0; i < d4; i += 4) {
      const g = f32x4.mul(v128.load(pg + (i << 2)), vq), v = v128.load(px + (i << 2));
      v128.store(po + (i << 2), f32x4.relaxed_nmadd(v, vu, f32x4.mul(g, f32x4.add(v128.load(w + (i << 2)), vone))));
      if (dw) v128.store(dw + (i << 2), f32x4.relaxed_madd(g, v, v128.load(dw + (i << 2))));
    }
    for (let i = d4; i < d; i++) {
      const g = load<f32>(pg + (i << 2)) * q, v = load<f32>(px + (i << 2));
      store<f32>(po + (i << 2), g * (load<f32>(w + (i << 2)) + one) - v * u);
      if (dw) store<f32>(dw + (i << 2), load<f32>(dw + (i << 2)) + g * v);
    }
  }
}

// ---- Rotary position embedding, HF's half-split form, of one row of `heads` heads; tables are [position][half].

function rotateRow(x: usize, y: usize, c: usize, s: usize, half: i32, sign: f32): void {
  const h4 = half & ~3, vs = f32x4.splat(sign), hb = <usize>half << 2;
  for (let i = 0; i < h4; i += 4) {
    const o = <usize>i << 2, p = v128.load(x + o), q = v128.load(x + hb + o), cc = v128.load(c + o), ss = f32x4.mul(v128.load(s + o), vs);
    v128.store(y + o, f32x4.relaxed_nmadd(q, ss, f32x4.mul(p, cc)));
    v128.store(y + hb + o, f32x4.relaxed_madd(p, ss, f32x4.mul(q, cc)));
  }
  for (let i = h4; i < half; i++) {
    const o = <usize>i << 2, p = load<f32>(x + o), q = load<f32>(x + hb + o), cc = load<f32>(c + o), ss = load<f32>(s + o) * sign;
    store<f32>(y + o, p * cc - q * ss);
    store<f32>(y + hb + o, q * cc + p * ss);
  }
}

/**
 * Queries and keys of rows [from, to): optional per-head RMSNorm, then rotation at positions[row]. Input rows have
 * stride xs (queries first, then keys), output rows stride ys. wq or wk = 0: no norm.
 */
export function qkForward(x: usize, xs: i32, y: usize, ys: i32, wq: usize, wk: usize, cos: usize, sin: usize, positions: usize, from: i32, to: i32, heads: i32, kvHeads: i32, hd: i32, eps: f32, one: f32): void {
  const half = hd >> 1;
  for (let r = from; r < to; r++) {
    const at = <usize>load<i32>(positions + (<usize>r << 2)) * half << 2;
    for (let h = 0; h < heads + kvHeads; h++) {
      const px = x + ((<usize>r * xs + <usize>h * hd) << 2), py = y + ((<usize>r * ys + <usize>h * hd) << 2);
      const w = h < heads ? wq : wk;
      if (w) {
        rmsForward(px, 0, w, 0, py, 0, 0, 1, hd, eps, one);
        rotateRow(py, py, cos + at, sin + at, half, 1);
      } else rotateRow(px, py, cos + at, sin + at, half, 1);
    }
  }
}

/** The gradient of qkForward: dy (stride ys) is rotated back in place, dx has stride xs; dwq and dwk accumulate. */
export function qkBackward(x: usize, xs: i32, dy: usize, ys: i32, dx: usize, wq: usize, wk: usize, dwq: usize, dwk: usize, cos: usize, sin: usize, positions: usize, from: i32, to: i32, heads: i32, kvHeads: i32, hd: i32, eps: f32, one: f32): void {
  const half = hd >> 1;
  for (let r = from; r < to; r++) {
    const at = <usize>load<i32>(positions + (<usize>r << 2)) * half << 2;
    for (let h = 0; h < heads + kvHeads; h++) {
      const off = (<usize>r * xs + <usize>h * hd) << 2, pg = dy + ((<usize>r * ys + <usize>h * hd) << 2);
      const w = h < heads ? wq : wk;
      if (w) {
        rotateRow(pg, pg, cos + at, sin + at, half, -1);
        rmsBackward(x + off, 0, w, pg, 0, dx + off, 0, h < heads ? dwq : dwk, 0, 1, hd, eps, one);
      } else rotateRow(pg, dx + off, cos + at, sin + at, half, -1);
    }
  }
}

// ---- Attention's inner rows. s is a block of scores [rows][ld], row r holding query first + r; keys are 0..cols.

/** In place: scores → probabilities under scale, soft-cap (0: none), causality and window (0: none). */
export function causalSoftmax(s: usize, ld: i32, rows: i32, first: i32, cols: i32, scale: f32, softcap: f32, window: i32): void {
  const sc = f32x4.splat(scale);
  for (let r = 0; r < rows; r++) {
    const p = s + (<usize>r * ld << 2), n = min(first + r + 1, cols), lo = window > 0 ? max(0, first + r + 1 - window) : 0;
    if (softcap > 0) {
      const inv = f32x4.splat(scale / softcap), cap = f32x4.splat(softcap);
      let i = lo;
      for (; i + 4 <= n; i += 4) v128.store(p + (<usize>i << 2), f32x4.mul(vtanh(f32x4.mul(v128.load(p + (<usize>i << 2)), inv)), cap));
      for (; i < n; i++) store<f32>(p + (<usize>i << 2), stanh(load<f32>(p + (<usize>i << 2)) * scale / softcap) * softcap);
    }
    const k: f32 = softcap > 0 ? 1 : scale, vk = softcap > 0 ? f32x4.splat(1) : sc;
    let mx: f32 = -3e38, m = f32x4.splat(-3e38), i = lo;
    for (; i + 4 <= n; i += 4) m = f32x4.pmax(m, v128.load(p + (<usize>i << 2)));
    mx = hmax(m);
    for (; i < n; i++) mx = max(mx, load<f32>(p + (<usize>i << 2)));
    const nm = f32x4.splat(mx * k);
    let sum = f32x4.splat(0);
    i = lo;
    for (; i + 4 <= n; i += 4) {
      const e = vexp(f32x4.sub(f32x4.mul(v128.load(p + (<usize>i << 2)), vk), nm));
      v128.store(p + (<usize>i << 2), e);
      sum = f32x4.add(sum, e);
    }
    let t = hsum(sum);
    for (; i < n; i++) { const e = sexp(load<f32>(p + (<usize>i << 2)) * k - mx * k); store<f32>(p + (<usize>i << 2), e); t += e; }
    const inv = <f32>1 / t, vi = f32x4.splat(inv);
    i = lo;
    for (; i + 4 <= n; i += 4) v128.store(p + (<usize>i << 2), f32x4.mul(v128.load(p + (<usize>i << 2)), vi));
    for (; i < n; i++) store<f32>(p + (<usize>i << 2), load<f32>(p + (<usize>i << 2)) * inv);
    for (let j = 0; j < lo; j++) store<f32>(p + (<usize>j << 2), 0);
    for (let j = n; j < cols; j++) store<f32>(p + (<usize>j << 2), 0);
  }
}

/**
 * In place over dp: dS = p ∘ (dp − Σ p∘dp) · scale. With a soft-cap, raw holds the raw scores, and the factor
 * 1 − tanh² is applied.
 */
export function causalSoftmaxBackward(p: usize, dp: usize, raw: usize, ld: i32, rows: i32, cols: i32, scale: f32, softcap: f32): void {
  const sc = f32x4.splat(scale), c4 = cols & ~3;
  for (let r = 0; r < rows; r++) {
    const o = <usize>r * ld << 2, pp = p + o, pd = dp + o, pr = raw + o;
    const d = dot(pp, pd, cols), vd = f32x4.splat(d);
    for (let i = 0; i < c4; i += 4) {
      const b = <usize>i << 2;
      let g = f32x4.mul(f32x4.mul(v128.load(pp + b), sc), f32x4.sub(v128.load(pd + b), vd));
      if (softcap > 0) {
        const t = vtanh(f32x4.mul(v128.load(pr + b), f32x4.splat(scale / softcap)));
        g = f32x4.mul(g, f32x4.sub(f32x4.splat(1), f32x4.mul(t, t)));
      }
      v128.store(pd + b, g);
    }
    for (let i = c4; i < cols; i++) {
      const b = <usize>i << 2;
      let g = load<f32>(pp + b) * scale * (load<f32>(pd + b) - d);
      if (softcap > 0) { const t = stanh(load<f32>(pr + b) * scale / softcap); g *= 1 - t * t; }
      store<f32>(pd + b, g);
    }
  }
}

// Scores of one query against keys [lo, length), `step` bytes apart; four keys at a time share the query's loads.
function scoreKeys(query: usize, keys: usize, step: usize, scores: usize, lo: i32, length: i32, hd: i32): void {
  const bytes = <usize>(hd & ~3) << 2;
  let j = lo, k = keys + <usize>lo * step;
  if ((hd & 3) == 0) {
    for (; j + 4 <= length; j += 4, k += step << 2) {
      let a = f32x4.splat(0), b = a, c = a, d = a;
      const k1 = k + step, k2 = k1 + step, k3 = k2 + step;
      for (let o: usize = 0; o < bytes; o += 16) {
        const q = v128.load(query + o);
        a = f32x4.relaxed_madd(q, v128.load(k + o), a);
        b = f32x4.relaxed_madd(q, v128.load(k1 + o), b);
        c = f32x4.relaxed_madd(q, v128.load(k2 + o), c);
        d = f32x4.relaxed_madd(q, v128.load(k3 + o), d);
      }
      const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7)), cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
      v128.store(scores + (<usize>j << 2), f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7)));
    }
  }
  for (; j < length; j++, k += step) store<f32>(scores + (<usize>j << 2), dot(query, k, hd));
}

// out (+)= Σ weight·value over [lo, length); 32 dimensions at a time stay in registers.
function sumValues(weights: usize, values: usize, step: usize, out: usize, lo: i32, length: i32, hd: i32, accumulate: bool): void {
  let i = 0;
  const w0 = weights + (<usize>lo << 2), end = weights + (<usize>length << 2), v0 = values + <usize>lo * step;
  for (; i + 32 <= hd; i += 32) {
    const o = out + (<usize>i << 2);
    let a = f32x4.splat(0), b = a, c = a, d = a, e = a, f = a, g = a, h = a, v = v0 + (<usize>i << 2);
    if (accumulate) {
      a = v128.load(o);
      b = v128.load(o, 16);
      c = v128.load(o, 32);
      d = v128.load(o, 48);
      e = v128.load(o, 64);
      f = v128.load(o, 80);
      g = v128.load(o, 96);
      h = v128.load(o, 112);
    }
    for (let w = w0; w < end; w += 4, v += step) {
      const p = v128.load32_splat(w);
      a = f32x4.relaxed_madd(p, v128.load(v), a);
      b = f32x4.relaxed_madd(p, v128.load(v, 16), b);
      c = f32x4.relaxed_madd(p, v128.load(v, 32), c);
      d = f32x4.relaxed_madd(p, v128.load(v, 48), d);
      e = f32x4.relaxed_madd(p, v128.load(v, 64), e);
      f = f32x4.relaxed_madd(p, v128.load(v, 80), f);
      g = f32x4.relaxed_madd(p, v128.load(v, 96), g);
      h = f32x4.relaxed_madd(p, v128.load(v, 112), h);
    }
    v128.store(o, a);
    v128.store(o, b, 16);
    v128.store(o, c, 32);
    v128.store(o, d, 48);
    v128.store(o, e, 64);
    v128.store(o, f, 80);
    v128.store(o, g, 96);
    v128.store(o, h, 112);
  }
  for (; i + 4 <= hd; i += 4) {
    let a = accumulate ? v128.load(out + (<usize>i << 2)) : f32x4.splat(0), v = v0 + (<usize>i << 2);
    for (let w = w0; w < end; w += 4, v += step) a = f32x4.relaxed_madd(v128.load32_splat(w), v128.load(v), a);
    v128.store(out + (<usize>i << 2), a);
  }
  for (; i < hd; i++) {
    let a: f32 = accumulate ? load<f32>(out + (<usize>i << 2)) : 0, v = v0 + (<usize>i << 2);
    for (let w = w0; w < end; w += 4, v += step) a += load<f32>(w) * load<f32>(v);
    store<f32>(out + (<usize>i << 2), a);
  }
}

/**
 * One query row against a cache of `length` keys and values, [kvHead × capacity × hd] each. The first `shared` of them lie in another
 * cache, that of the prompt's first completion. scores is scratch of `length` floats.
 */
export function decodeAttention(q: usize, keys: usize, values: usize, sharedKeys: usize, sharedValues: usize, shared: i32, out: usize, scores: usize, length: i32, capacity: i32, heads: i32, kvHeads: i32, hd: i32, scale: f32, softcap: f32, window: i32): void {
  const group = heads / kvHeads, lo = window > 0 ? max(0, length - window) : 0, own = max(lo, shared), step = <usize>hd << 2;
  for (let h = 0; h < heads; h++) {
    const kv = <usize>(h / group) * capacity * step, at = <usize>h * step;
    if (lo < shared) scoreKeys(q + at, sharedKeys + kv, step, scores, lo, shared, hd);
    scoreKeys(q + at, keys + kv, step, scores, own, length, hd);
    causalSoftmax(scores, 0, 1, length - 1, length, scale, softcap, window);
    if (lo < shared) sumValues(scores, sharedValues + kv, step, out + at, lo, shared, hd, false);
    sumValues(scores, values + kv, step, out + at, own, length, hd, lo < shared);
  }
}

// ---- Gated activation y = act(gate) · up, gate and up side by side in rows of 2·f floats. kind 0: GELU (tanh), 1: SiLU.

// Both are v·σ(z): SiLU with z = v, GELU's tanh form with z = 2u, since (1 + tanh u)/2 = σ(2u). One exp and one division.
@inline function gate(v: v128, kind: i32): v128 {
  return gateWith(v, kind, EXP_MIN, EXP_MAX, LOG2_E, ROUND, LN2_HIGH, LN2_LOW, E0, E1, E2, E3, E4, HALF, ONE, GELU_CUBE, GELU);
}
@inline function gateWith(v: v128, kind: i32, low: v128, high: v128, log2e: v128, round: v128, ln2High: v128, ln2Low: v128, e0: v128, e1: v128, e2: v128, e3: v128, e4: v128, half: v128, one: v128, cube: v128, line: v128): v128 {
  const minusZ = kind == 1 ? f32x4.neg(v) : f32x4.mul(v, f32x4.relaxed_madd(f32x4.mul(v, v), cube, line));
  return f32x4.div(one, f32x4.add(one, vexpWith(minusZ, low, high, log2e, round, ln2High, ln2Low, e0, e1, e2, e3, e4, half, one)));
}
@inline function activation(v: v128, kind: i32): v128 { return f32x4.mul(v, gate(v, kind)); }
@inline function slope(v: v128, s: v128, kind: i32): v128 {
  const dz = kind == 1 ? ONE : f32x4.relaxed_madd(f32x4.mul(v, v), GELU_SLOPE_CUBE, GELU_SLOPE);
  return f32x4.relaxed_madd(f32x4.mul(f32x4.mul(v, s), f32x4.sub(ONE, s)), dz, s);
}
@inline function load1(p: usize): v128 { return f32x4.splat(load<f32>(p)); }

@inline function gatedForwardRows(x: usize, y: usize, from: i32, to: i32, f: i32, kind: i32): void {
  const f4 = f & ~3, fb = <usize>f << 2;
  const low = EXP_MIN, high = EXP_MAX, log2e = LOG2_E, round = ROUND, ln2High = LN2_HIGH, ln2Low = LN2_LOW, e0 = E0, e1 = E1, e2 = E2, e3 = E3, e4 = E4, half = HALF, one = ONE, cube = GELU_CUBE, line = GELU;
  for (let r = from; r < to; r++) {
    let a = x + (<usize>r * f << 3), o = y + (<usize>r * f << 2), i = 0;
    for (; i < f4; i += 4, a += 16, o += 16) {
      const v = v128.load(a), s = gateWith(v, kind, low, high, log2e, round, ln2High, ln2Low, e0, e1, e2, e3, e4, half, one, cube, line);
      v128.store(o, f32x4.mul(f32x4.mul(v, s), v128.load(a + fb)));
    }
    for (; i < f; i++, a += 4, o += 4) store<f32>(o, f32x4.extract_lane(activation(load1(a), kind), 0) * load<f32>(a + fb));
  }
}
export function gatedForward(x: usize, y: usize, from: i32, to: i32, f: i32, kind: i32): void {
  if (kind == 1) gatedForwardRows(x, y, from, to, f, 1);
  else gatedForwardRows(x, y, from, to, f, 0);
}

@inline function gatedBackwardRows(x: usize, dy: usize, dx: usize, from: i32, to: i32, f: i32, kind: i32): void {
  const f4 = f & ~3, fb = <usize>f << 2;
  for (let r = from; r < to; r++) {
    let a = x + (<usize>r * f << 3), d = dx + (<usize>r * f << 3), g = dy + (<usize>r * f << 2), i = 0;
    for (; i < f4; i += 4, a += 16, d += 16, g += 16) {
      const v = v128.load(a), dv = v128.load(g), s = gate(v, kind), up = v128.load(a + fb);
      v128.store(d + fb, f32x4.mul(dv, f32x4.mul(v, s)));
      v128.store(d, f32x4.mul(f32x4.mul(dv, up), slope(v, s, kind)));
    }
    for (; i < f; i++, a += 4, d += 4, g += 4) {
      const v = load1(a), dv = load<f32>(g), s = gate(v, kind), up = load<f32>(a + fb);
      store<f32>(d + fb, dv * f32x4.extract_lane(f32x4.mul(v, s), 0));
      store<f32>(d, dv * up * f32x4.extract_lane(slope(v, s, kind), 0));
    }
  }
}
export function gatedBackward(x: usize, dy: usize, dx: usize, from: i32, to: i32, f: i32, kind: i32): void {
  if (kind == 1) gatedBackwardRows(x, dy, dx, from, to, f, 1);
  else gatedBackwardRows(x, dy, dx, from, to, f, 0);
}

// ---- Log-probabilities of chosen tokens from rows of logits [rows][v] (a block of the [tokens × vocabulary] matrix).

/** In place: x = softcap · tanh(x / softcap). */
export function softcapInPlace(x: usize, n: i32, cap: f32): void {
  const inv = f32x4.splat(<f32>1 / cap), c = f32x4.splat(cap), n4 = n & ~3;
  for (let i = 0; i < n4; i += 4) v128.store(x + (<usize>i << 2), f32x4.mul(vtanh(f32x4.mul(v128.load(x + (<usize>i << 2)), inv)), c));
  for (let i = n4; i < n; i++) store<f32>(x + (<usize>i << 2), stanh(load<f32>(x + (<usize>i << 2)) / cap) * cap);
}

/**
 * For each row: log-probability of the target, log Σ exp, entropy and whether the target is the most likely token,
 * at inverse temperature `beta`.
 */
export function logprobRows(x: usize, targets: usize, logprob: usize, lse: usize, entropy: usize, hit: usize, rows: i32, v: i32, beta: f32): void {
  const v4 = v & ~3, vb = f32x4.splat(beta);
  for (let r = 0; r < rows; r++, x += <usize>v << 2) {
    let m = f32x4.splat(-3e38);
    for (let i = 0; i < v4; i += 4) m = f32x4.pmax(m, v128.load(x + (<usize>i << 2)));
    let mx = hmax(m);
    for (let i = v4; i < v; i++) mx = max(mx, load<f32>(x + (<usize>i << 2)));
    const nm = f32x4.splat(mx * beta);
    let s = f32x4.splat(0), w = f32x4.splat(0);
    for (let i = 0; i < v4; i += 4) {
      const z = f32x4.sub(f32x4.mul(v128.load(x + (<usize>i << 2)), vb), nm), e = vexp(z);
      s = f32x4.add(s, e);
      w = f32x4.relaxed_madd(e, z, w);
    }
    let t = hsum(s), u = hsum(w);
    for (let i = v4; i < v; i++) { const z = load<f32>(x + (<usize>i << 2)) * beta - mx * beta, e = sexp(z); t += e; u += e * z; }
    const l = slog(t), at = load<f32>(x + (<usize>load<i32>(targets + (<usize>r << 2)) << 2)), o = <usize>r << 2;
    store<f32>(logprob + o, at * beta - mx * beta - l);
    store<f32>(lse + o, mx * beta + l);
    store<f32>(entropy + o, l - u / t);
    store<f32>(hit + o, at >= mx ? 1 : 0);
  }
}

/**
 * In place: logits → dLogits = beta·(g·(onehot(target) − p) − e·p·(log p + entropy)), times 1 − (x/cap)² under a soft-cap; g and e are the
 * gradients of the target's log-probability and of the entropy, `e` 0 where that has none.
 */
export function logprobRowsBackward(x: usize, targets: usize, lse: usize, g: usize, entropy: usize, e: usize, rows: i32, v: i32, beta: f32, cap: f32): void {
  const v4 = v & ~3, vb = f32x4.splat(beta), one = ONE;
  for (let r = 0; r < rows; r++, x += <usize>v << 2) {
    const o = <usize>r << 2, k = load<f32>(g + o) * beta, nk = f32x4.splat(-k), l = load<f32>(lse + o), vl = f32x4.splat(l);
    const h = e ? load<f32>(entropy + o) : 0, ke = e ? load<f32>(e + o) * beta : 0, vh = f32x4.splat(h), nke = f32x4.splat(-ke);
    const at = x + (<usize>load<i32>(targets + o) << 2), raw = load<f32>(at);
    for (let i = 0; i < v4; i += 4) {
      const z = v128.load(x + (<usize>i << 2)), logp = f32x4.sub(f32x4.mul(z, vb), vl);
      let d = f32x4.mul(e ? f32x4.relaxed_madd(nke, f32x4.add(logp, vh), nk) : nk, vexp(logp));
      if (cap > 0) { const c = f32x4.div(z, f32x4.splat(cap)); d = f32x4.mul(d, f32x4.sub(one, f32x4.mul(c, c))); }
      v128.store(x + (<usize>i << 2), d);
    }
    for (let i = v4; i < v; i++) {
      const z = load<f32>(x + (<usize>i << 2)), logp = z * beta - l;
      let d = (-k - ke * (logp + h)) * sexp(logp);
      if (cap > 0) d *= 1 - (z / cap) * (z / cap);
      store<f32>(x + (<usize>i << 2), d);
    }
    store<f32>(at, load<f32>(at) + (cap > 0 ? k * (1 - (raw / cap) * (raw / cap)) : k));
  }
}

// ---- Embedding rows.

export function gatherRows(ids: usize, table: usize, y: usize, from: i32, to: i32, d: i32, scale: f32): void {
  const d4 = d & ~3, vs = f32x4.splat(scale);
  for (let r = from; r < to; r++) {
    const p = table + (<usize>load<i32>(ids + (<usize>r << 2)) * d << 2), o = y + (<usize>r * d << 2);
    for (let i = 0; i < d4; i += 4) v128.store(o + (<usize>i << 2), f32x4.mul(v128.load(p + (<usize>i << 2)), vs));
    for (let i = d4; i < d; i++) store<f32>(o + (<usize>i << 2), load<f32>(p + (<usize>i << 2)) * scale);
  }
}
/** table[ids[r]] += scale · dy[r], columns [from, to) only, so that threads never meet. */
export function scatterRows(ids: usize, dy: usize, table: usize, n: i32, d: i32, from: i32, to: i32, scale: f32): void {
  const t4 = from + ((to - from) & ~3), vs = f32x4.splat(scale);
  for (let r = 0; r < n; r++) {
    const p = table + (<usize>load<i32>(ids + (<usize>r << 2)) * d << 2), g = dy + (<usize>r * d << 2);
    for (let i = from; i < t4; i += 4) v128.store(p + (<usize>i << 2), f32x4.relaxed_madd(v128.load(g + (<usize>i << 2)), vs, v128.load(p + (<usize>i << 2))));
    for (let i = t4; i < to; i++) store<f32>(p + (<usize>i << 2), load<f32>(p + (<usize>i << 2)) + load<f32>(g + (<usize>i << 2)) * scale);
  }
}

// ---- AdamW in place over floats [from, to); the gradient is scaled on the way (global-norm clipping).

export function adamw(p: usize, g: usize, m: usize, v: usize, from: i32, to: i32, lr: f32, b1: f32, b2: f32, c1: f32, c2: f32, eps: f32, decay: f32, gscale: f32): void {
  const B1 = f32x4.splat(b1), B2 = f32x4.splat(b2), A1 = f32x4.splat(1 - b1), A2 = f32x4.splat(1 - b2), C1 = f32x4.splat(lr / c1), C2 = f32x4.splat(<f32>1 / c2), E = f32x4.splat(eps), W = f32x4.splat(1 - lr * decay), S = f32x4.splat(gscale);
  const end = from + ((to - from) & ~3);
  for (let i = from; i < end; i += 4) {
    const o = <usize>i << 2, q = f32x4.mul(v128.load(g + o), S);
    const a = f32x4.relaxed_madd(q, A1, f32x4.mul(v128.load(m + o), B1)), b = f32x4.relaxed_madd(f32x4.mul(q, q), A2, f32x4.mul(v128.load(v + o), B2));
    v128.store(m + o, a);
    v128.store(v + o, b);
    v128.store(p + o, f32x4.sub(f32x4.mul(v128.load(p + o), W), f32x4.div(f32x4.mul(a, C1), f32x4.add(f32x4.sqrt(f32x4.mul(b, C2)), E))));
  }
  for (let i = end; i < to; i++) {
    const o = <usize>i << 2, q = load<f32>(g + o) * gscale;
    const a = q * (1 - b1) + load<f32>(m + o) * b1, b = q * q * (1 - b2) + load<f32>(v + o) * b2;
    store<f32>(m + o, a);
    store<f32>(v + o, b);
    store<f32>(p + o, load<f32>(p + o) * (1 - lr * decay) - a * (lr / c1) / (sqrt<f32>(b / c2) + eps));
  }
}
/** Σ g² over n floats, in double precision. */
export function squaredNorm(g: usize, n: i32): f64 {
  let total: f64 = 0;
  const n4 = n & ~3;
  for (let i = 0; i < n4; i += 512) {
    let s = f32x4.splat(0);
    const end = min(i + 512, n4);
    for (let j = i; j < end; j += 4) { const v = v128.load(g + (<usize>j << 2)); s = f32x4.relaxed_madd(v, v, s); }
    total += <f64>hsum(s);
  }
  for (let i = n4; i < n; i++) { const v = load<f32>(g + (<usize>i << 2)); total += <f64>(v * v); }
  return total;
}

/** Rows [0, rows) of n floats, `ld` floats apart, = 0. */
export function clearRows(dst: usize, rows: i32, ld: i32, n: i32): void {
  for (let r = 0; r < rows; r++) fill(dst + (<usize>r * ld << 2), n, 0);
}

/** dst rows (stride dld) = src rows (stride sld), n floats each. memory.copy is a call of 50 ns, so short rows go by vectors. */
export function copyRows(src: usize, sld: i32, dst: usize, dld: i32, rows: i32, n: i32): void {
  const short = n <= 256 && (n & 3) == 0;
  for (let r = 0; r < rows; r++) {
    let from = src + (<usize>r * sld << 2), to = dst + (<usize>r * dld << 2);
    if (!short) memory.copy(to, from, <usize>n << 2);
    else for (const end = from + (<usize>n << 2); from < end; from += 16, to += 16) v128.store(to, v128.load(from));
  }
}

/** Each of `rows` rows (n floats, contiguous) += bias. */
export function addBias(x: usize, ld: i32, bias: usize, rows: i32, n: i32): void {
  for (let r = 0; r < rows; r++) accumulate(x + (<usize>r * ld << 2), bias, n);
}

/** db += Σ rows of dy, stride ld. */
export function biasBackward(dy: usize, ld: i32, db: usize, rows: i32, n: i32): void {
  for (let r = 0; r < rows; r++) accumulate(db, dy + (<usize>r * ld << 2), n);
}

// (code - centre)·scale + offset as one multiplication with addition; where that is fused and there is no offset the bits are the same, since a centre is a power of two.
@inline function expand16(codes: v128, scale: f32, centre: f32, offset: f32, to: usize): void {
  const low = i16x8.extend_low_i8x16_u(codes), high = i16x8.extend_high_i8x16_u(codes);
  const s = f32x4.splat(scale), o = f32x4.splat(offset - centre * scale);
  v128.store(to, f32x4.relaxed_madd(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(low)), s, o));
  v128.store(to, f32x4.relaxed_madd(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(low)), s, o), 16);
  v128.store(to, f32x4.relaxed_madd(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(high)), s, o), 32);
  v128.store(to, f32x4.relaxed_madd(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(high)), s, o), 48);
}

/**
 * Numbers [first, end) of rows [from, to) of a matrix in few bits, in float32, `ld` floats a row. `words` is the length of a stored row in
 * 32-bit words, `kind` 1: float16, 2: bfloat16, 8 and 4: bits of codes, then scales of `group` numbers each (a power of two), then offsets where `offsets` is 1. Columns in
 * multiples of 4, of 32 with codes.
 */
export function expandRows(src: usize, words: i32, columns: i32, kind: i32, group: i32, centre: f32, offsets: i32, from: i32, to: i32, first: i32, end: i32, dst: usize, ld: i32): void {
  const behind = <usize>(kind == 4 ? columns >> 1 : columns), shift = ctz(group), all = <usize>(columns >> shift) << 2;
  for (let r = from; r < to; r++) {
    const row = src + (<usize>r * words << 2), scales = row + behind, more = scales + all;
    let out = dst + (<usize>(r - from) * ld << 2);
    if (kind == 1) {
      for (let c = first; c < end; c += 4, out += 16) {
        const half = i32x4.extend_low_i16x8_u(v128.load64_zero(row + (<usize>c << 1)));
        const sign = i32x4.shl(v128.and(half, i32x4.splat(0x8000)), 16), rest = i32x4.shl(v128.and(half, i32x4.splat(0x7fff)), 13);
        v128.store(out, v128.or(sign, f32x4.mul(rest, f32x4.splat(5.192296858534828e33))));
      }
    } else if (kind == 2) {
      let c = first;
      for (; c + 8 <= end; c += 8, out += 32) {
        const halves = v128.load(row + (<usize>c << 1));
        v128.store(out, i32x4.shl(i32x4.extend_low_i16x8_u(halves), 16));
        v128.store(out, i32x4.shl(i32x4.extend_high_i16x8_u(halves), 16), 16);
      }
      if (c < end) v128.store(out, i32x4.shl(i32x4.extend_low_i16x8_u(v128.load64_zero(row + (<usize>c << 1))), 16));
    } else if (kind == 8) {
      for (let c = first; c < end; c += 16, out += 64) {
        const g = <usize>(c >> shift) << 2;
        expand16(v128.load(row + c), load<f32>(scales + g), centre, offsets ? load<f32>(more + g) : 0, out);
      }
    } else {
      for (let c = first; c < end; c += 32, out += 128) {
        const g = <usize>(c >> shift) << 2, h = <usize>((c + 16) >> shift) << 2, pairs = v128.load(row + (c >> 1));
        expand16(v128.and(pairs, i8x16.splat(15)), load<f32>(scales + g), centre, offsets ? load<f32>(more + g) : 0, out);
        expand16(i8x16.shr_u(pairs, 4), load<f32>(scales + h), centre, offsets ? load<f32>(more + h) : 0, out + 64);
      }
    }
  }
}
