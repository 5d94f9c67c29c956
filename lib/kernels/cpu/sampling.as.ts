import { vlog } from "./vector_math.as";

// Token sampling by the Gumbel-max rule from the counter-based generator of kernels/counter_random.ts.

function pcg(x: u32): u32 {
  const state = x * 747796405 + 2891336453;
  const word = ((state >> ((state >> 28) + 4)) ^ state) * 277803737;
  return (word >> 22) ^ word;
}

// log for positive normal floats, in double steps so that a float result is correctly rounded nearly always
function ln(x: f64): f64 {
  const bits = reinterpret<i64>(x);
  let e = <i32>((bits >> 52) & 0x7ff) - 1023;
  let m = reinterpret<f64>((bits & 0xfffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) { m *= 0.5; e += 1; }
  const s = (m - 1) / (m + 1), z = s * s;
  const p = 2 * s * (1 + z * (1.0 / 3 + z * (1.0 / 5 + z * (1.0 / 7 + z * (1.0 / 9 + z * (1.0 / 11 + z * (1.0 / 13 + z * (1.0 / 15))))))));
  return <f64>e * 0.6931471805599453 + p;
}

export function gumbel(seed: u32, counter: u32, index: u32): f32 {
  const u = (<f64>(pcg(index ^ pcg(counter ^ pcg(seed))) >> 8) + 0.5) / 16777216;
  return <f32>(-ln(-ln(u)));
}

/** Index of the largest of n floats; the first on a tie. */
export function argmax(x: usize, n: i32): i32 {
  let best = 0, value = load<f32>(x);
  for (let i = 1; i < n; i++) { const v = load<f32>(x + (<usize>i << 2)); if (v > value) { value = v; best = i; } }
  return best;
}

/**
 * Draws an index of n logits at inverse temperature `beta` among those whose scaled logit is at least `floor` (−3e38: all).
 * Noise only matters where it can win: four entries at a time get it in single precision, and only those that come near the best
 * so far (within 0.02, or where u is too close to 1 for single precision) get it exactly.
 */
export function gumbelArgmax(x: usize, n: i32, beta: f32, floor: f32, seed: u32, counter: u32): i32 {
  const base = pcg(counter ^ pcg(seed)), b = f32x4.splat(beta), least = f32x4.splat(floor), n4 = n & ~3;
  const unit = f32x4.splat(1.0 / 16777216), half = f32x4.splat(0.5 / 16777216), tiny = f32x4.splat(1e-8), late = f32x4.splat(1 - 1.0 / 262144);
  let best = -1;
  let value: f32 = -3e38, near = f32x4.splat(-3e38), out = near;
  for (let i = 0; i < n4; i += 4) {
    const z = f32x4.mul(v128.load(x + (<usize>i << 2)), b);
    // 17.4 bounds the noise: u is at most 1 − 2⁻²⁵
    let mask = v128.and(f32x4.ge(z, least), f32x4.gt(z, out));
    if (!v128.any_true(mask)) continue;
    let k = i32x4.splat(pcg(<u32>i ^ base));
    k = i32x4.replace_lane(k, 1, pcg(<u32>(i + 1) ^ base));
    k = i32x4.replace_lane(k, 2, pcg(<u32>(i + 2) ^ base));
    k = i32x4.replace_lane(k, 3, pcg(<u32>(i + 3) ^ base));
    const u = f32x4.relaxed_madd(f32x4.convert_i32x4_s(i32x4.shr_u(k, 8)), unit, half);
    const g = f32x4.sub(z, vlog(f32x4.pmax(f32x4.neg(vlog(u)), tiny)));
    mask = v128.and(mask, v128.or(f32x4.gt(g, near), f32x4.gt(u, late)));
    let lanes = i32x4.bitmask(mask);
    for (let j = i; lanes; j++, lanes >>= 1) {
      if (!(lanes & 1)) continue;
      const exact = noisy(load<f32>(x + (<usize>j << 2)) * beta, <u32>j ^ base);
      if (exact > value) { value = exact; best = j; }
    }
    near = f32x4.splat(value - 0.02);
    out = f32x4.splat(value - 17.4);
  }
  for (let i = n4; i < n; i++) {
    const z = load<f32>(x + (<usize>i << 2)) * beta;
    if (z < floor || z + 17.4 <= value) continue;
    const exact = noisy(z, <u32>i ^ base);
    if (exact > value) { value = exact; best = i; }
  }
  return best;
}

function noisy(z: f32, key: u32): f32 {
  const u = (<f64>(pcg(key) >> 8) + 0.5) / 16777216;
  return z + <f32>(-ln(-ln(u)));
}
