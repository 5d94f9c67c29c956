// Vector exp, log and tanh: polynomials, because tables would need data segments, which would overwrite tfjs's heap.

// Constants are mutable globals, not literals: V8 rebuilds a literal vector with four or five instructions at every use, and
// loads a global with one, which makes exp twice as fast. They are exported so that no optimiser sees that nobody writes them.
export let ONE = f32x4(1, 1, 1, 1), HALF = f32x4(0.5, 0.5, 0.5, 0.5), TWO = f32x4(2, 2, 2, 2);
export let EXP_MIN = f32x4(-87, -87, -87, -87), EXP_MAX = f32x4(88, 88, 88, 88), LOG2_E = f32x4(1.44269504, 1.44269504, 1.44269504, 1.44269504), ROUND = f32x4(12582912, 12582912, 12582912, 12582912);
export let LN2_HIGH = f32x4(0.693359375, 0.693359375, 0.693359375, 0.693359375), LN2_LOW = f32x4(2.12194440e-4, 2.12194440e-4, 2.12194440e-4, 2.12194440e-4);
export let E0 = f32x4(1.9875691500e-4, 1.9875691500e-4, 1.9875691500e-4, 1.9875691500e-4), E1 = f32x4(1.3981999507e-3, 1.3981999507e-3, 1.3981999507e-3, 1.3981999507e-3), E2 = f32x4(8.3334519073e-3, 8.3334519073e-3, 8.3334519073e-3, 8.3334519073e-3), E3 = f32x4(4.1665795894e-2, 4.1665795894e-2, 4.1665795894e-2, 4.1665795894e-2), E4 = f32x4(1.6666665459e-1, 1.6666665459e-1, 1.6666665459e-1, 1.6666665459e-1);
export let L0 = f32x4(7.0376836292e-2, 7.0376836292e-2, 7.0376836292e-2, 7.0376836292e-2), L1 = f32x4(-1.1514610310e-1, -1.1514610310e-1, -1.1514610310e-1, -1.1514610310e-1), L2 = f32x4(1.1676998740e-1, 1.1676998740e-1, 1.1676998740e-1, 1.1676998740e-1), L3 = f32x4(-1.2420140846e-1, -1.2420140846e-1, -1.2420140846e-1, -1.2420140846e-1), L4 = f32x4(1.4249322787e-1, 1.4249322787e-1, 1.4249322787e-1, 1.4249322787e-1), L5 = f32x4(-1.6668057665e-1, -1.6668057665e-1, -1.6668057665e-1, -1.6668057665e-1), L6 = f32x4(2.0000714765e-1, 2.0000714765e-1, 2.0000714765e-1, 2.0000714765e-1), L7 = f32x4(-2.4999993993e-1, -2.4999993993e-1, -2.4999993993e-1, -2.4999993993e-1), L8 = f32x4(3.3333331174e-1, 3.3333331174e-1, 3.3333331174e-1, 3.3333331174e-1);
export let SQRT_HALF_BITS = i32x4(0x3f3504f3, 0x3f3504f3, 0x3f3504f3, 0x3f3504f3);
export let TANH_MIN = f32x4(-15, -15, -15, -15), TANH_MAX = f32x4(15, 15, 15, 15), GELU = f32x4(-1.5957691216, -1.5957691216, -1.5957691216, -1.5957691216), GELU_CUBE = f32x4(-0.0713548162, -0.0713548162, -0.0713548162, -0.0713548162), GELU_SLOPE = f32x4(1.5957691216, 1.5957691216, 1.5957691216, 1.5957691216), GELU_SLOPE_CUBE = f32x4(0.2140644488, 0.2140644488, 0.2140644488, 0.2140644488);

// 2^n·e^r with r in ±ln2/2: adding 1.5·2^23 rounds x/ln2 to an integer n and leaves it in the low bits, so that neither a
// rounding nor a conversion instruction is needed. pmin and pmax are one instruction each, where min and max are seven;
// a NaN stays one. Relative error below 2e-7.
@inline export function vexp(x: v128): v128 {
  return vexpWith(x, EXP_MIN, EXP_MAX, LOG2_E, ROUND, LN2_HIGH, LN2_LOW, E0, E1, E2, E3, E4, HALF, ONE);
}
// The same with its constants from the caller, whose loop then keeps most of them in registers.
@inline export function vexpWith(x: v128, low: v128, high: v128, log2e: v128, round: v128, ln2High: v128, ln2Low: v128, e0: v128, e1: v128, e2: v128, e3: v128, e4: v128, half: v128, one: v128): v128 {
  x = f32x4.pmax(f32x4.pmin(x, high), low);
  const z = f32x4.relaxed_madd(x, log2e, round), n = f32x4.sub(z, round);
  let r = f32x4.relaxed_nmadd(n, ln2High, x);
  r = f32x4.relaxed_madd(n, ln2Low, r);
  let p = f32x4.relaxed_madd(e0, r, e1);
  p = f32x4.relaxed_madd(p, r, e2);
  p = f32x4.relaxed_madd(p, r, e3);
  p = f32x4.relaxed_madd(p, r, e4);
  p = f32x4.relaxed_madd(p, r, half);
  p = f32x4.relaxed_madd(f32x4.mul(p, r), r, f32x4.add(r, one));
  return i32x4.add(p, i32x4.shl(z, 23));
}

// Cephes logf: x > 0 and normal.
@inline export function vlog(x: v128): v128 {
  const e = i32x4.shr_s(i32x4.sub(x, SQRT_HALF_BITS), 23);
  const m = f32x4.sub(i32x4.sub(x, i32x4.shl(e, 23)), ONE), z = f32x4.mul(m, m);
  let p = f32x4.relaxed_madd(L0, m, L1);
  p = f32x4.relaxed_madd(p, m, L2);
  p = f32x4.relaxed_madd(p, m, L3);
  p = f32x4.relaxed_madd(p, m, L4);
  p = f32x4.relaxed_madd(p, m, L5);
  p = f32x4.relaxed_madd(p, m, L6);
  p = f32x4.relaxed_madd(p, m, L7);
  p = f32x4.relaxed_madd(p, m, L8);
  p = f32x4.mul(f32x4.mul(p, m), z);
  const f = f32x4.convert_i32x4_s(e);
  p = f32x4.relaxed_nmadd(f, LN2_LOW, p);
  p = f32x4.relaxed_nmadd(z, HALF, p);
  return f32x4.relaxed_madd(f, LN2_HIGH, f32x4.add(m, p));
}

@inline export function sexp(x: f32): f32 { return f32x4.extract_lane(vexp(f32x4.splat(x)), 0); }
@inline export function slog(x: f32): f32 { return f32x4.extract_lane(vlog(f32x4.splat(x)), 0); }
@inline export function vtanh(x: v128): v128 {
  const e = vexp(f32x4.mul(f32x4.pmax(f32x4.pmin(x, TANH_MAX), TANH_MIN), TWO));
  return f32x4.div(f32x4.sub(e, ONE), f32x4.add(e, ONE));
}
@inline export function stanh(x: f32): f32 { return f32x4.extract_lane(vtanh(f32x4.splat(x)), 0); }
