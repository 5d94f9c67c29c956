import { sexp } from "./vector_math.as";

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
 * Draws an index of n logits at inverse temperature `beta` among those whose scaled logit is at least `floor` (−3e38: all). With the
 * best score so far and the largest logit known, only a u above some bound can still win, so nearly all entries cost a hash and
 * a comparison of integers.
 */
export function gumbelArgmax(x: usize, n: i32, beta: f32, floor: f32, seed: u32, counter: u32): i32 {
  const base = pcg(counter ^ pcg(seed)), n4 = n & ~3;
  let m = f32x4.splat(-3e38);
  for (let i = 0; i < n4; i += 4) m = f32x4.pmax(m, v128.load(x + (<usize>i << 2)));
  let most = max(max(f32x4.extract_lane(m, 0), f32x4.extract_lane(m, 1)), max(f32x4.extract_lane(m, 2), f32x4.extract_lane(m, 3)));
  for (let i = n4; i < n; i++) most = max(most, load<f32>(x + (<usize>i << 2)));
  most *= beta;
  let best = -1, bound: i32 = -1;
  let value: f32 = -3e38;
  for (let i = 0; i < n; i++) {
    const k = <i32>(pcg(<u32>i ^ base) >> 8);
    if (k <= bound) continue;
    const z = load<f32>(x + (<usize>i << 2)) * beta;
    if (z < floor) continue;
    const u = (<f64>k + 0.5) / 16777216, g = z + <f32>(-ln(-ln(u)));
    if (g > value) {
      value = g;
      best = i;
      // z − log(−log u) > value needs u > exp(−exp(most − value)); sexp errs by less than 2⁻²² here
      bound = <i32>(sexp(-sexp(most - value)) * 16777216) - 16;
    }
  }
  return best;
}
