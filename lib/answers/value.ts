import { Complex } from "complex.js";
import { steps } from "./steps.ts";

/** A value: an exact fraction, or a complex float with a bound of its rounding error. */
export type Value = Exact | Approximate;

/** Not in lowest terms: what answers need stays small without, and a gcd at each step would cost more. */
export interface Exact {
  n: bigint;
  /** Positive. */
  d: bigint;
}

/** A complex number with what rounding may have done to it. */
export interface Approximate {
  z: Complex;
  error: number;
  /** A real function left the real line on the way: `ln(-2)`, `arcsin 2`. */
  outside: boolean;
}

const epsilon = 2 ** -52;
const wholeBits = 40_000n, fractionBits = 4_096n;
const wholeLimit = 1n << wholeBits, fractionLimit = 1n << fractionBits;

export const isExact = (value: Value): value is Exact => "n" in value;

const size = (n: bigint) => n < 0n ? -n : n;

/** 64-bit limbs of a number, at least 1. */
const limbs = (n: bigint) =>
  n < wordLimit && n > -wordLimit ? 1 : Math.ceil(size(n).toString(16).length / 16);
const wordLimit = 1n << 62n;

/** Counts a product, or a quotient, of two whole numbers, and the measuring of them. */
function spendOn(a: bigint, b: bigint): void {
  const x = limbs(a), y = limbs(b);
  steps.spend(x * y === 1 ? 1 : x * y + 4 * (x + y));
}

/** The fraction, or its float when it has grown too long to compute with. */
function exact(n: bigint, d: bigint): Value {
  steps.spend(5);
  if (d !== 1n) spendOn(n, d);
  if (d < 0n) [n, d] = [-n, -d];
  if (d !== 1n && n % d === 0n) [n, d] = [n / d, 1n];
  const limit = d === 1n ? wholeLimit : fractionLimit;
  if (size(n) < limit && d < limit) return { n, d };
  return approximate(new Complex(quotient(n, d), 0), Math.abs(quotient(n, d)) * epsilon, false);
}

export const whole = (n: number | bigint): Value => ({ n: BigInt(n), d: 1n });
export const fraction = (n: bigint, d: bigint): Value => exact(n, d);

/** What cannot be told: a pole, an overflow, a function outside its domain. */
export const unknown: Value = { z: new Complex(NaN, 0), error: NaN, outside: false };

export const isUnknown = (value: Value) =>
  !isExact(value) && !(Number.isFinite(value.z.re) && Number.isFinite(value.z.im));

export function approximate(z: Complex, error: number, outside: boolean): Value {
  steps.spend(20);
  const length = Math.hypot(z.re, z.im);
  // Below the smallest normal numbers the bound would not hold.
  if (!Number.isFinite(length) || !Number.isFinite(error) || (length < 1e-290 && length > 0)) return unknown;
  return { z, error, outside };
}

function quotient(n: bigint, d: bigint): number {
  const bits = (value: bigint) => size(value).toString(16).length * 4;
  if (bits(n) < 1000 && bits(d) < 1000) return Number(n) / Number(d);
  const shift = 80 - (bits(n) - bits(d));
  const scaled = shift >= 0 ? (n << BigInt(shift)) / d : n / (d << BigInt(-shift));
  return Number(scaled) * 2 ** Math.max(-1000, -shift) * 2 ** Math.min(0, 1000 - shift);
}

/** The float beside a value. */
export function float(value: Value): Approximate {
  if (!isExact(value)) return value;
  const re = quotient(value.n, value.d);
  const isExactFloat = value.d <= 2n && Number.isSafeInteger(2 * re);
  const error = isExactFloat ? 0 : Math.abs(re) * epsilon;
  return { z: new Complex(re, 0), error, outside: false };
}

const rounding = (z: Complex) => Math.hypot(z.re, z.im) * epsilon;

export function add(a: Value, b: Value): Value {
  if (isExact(a) && isExact(b)) {
    spendOn(a.n, b.d);
    spendOn(b.n, a.d);
    return exact(a.n * b.d + b.n * a.d, a.d * b.d);
  }
  const x = float(a), y = float(b), z = x.z.add(y.z);
  return approximate(z, x.error + y.error + rounding(z), x.outside || y.outside);
}

export function negate(a: Value): Value {
  return isExact(a) ? { n: -a.n, d: a.d } : { ...a, z: a.z.neg() };
}

export function multiply(a: Value, b: Value): Value {
  if (isExact(a) && isExact(b)) {
    spendOn(a.n, b.n);
    spendOn(a.d, b.d);
    return exact(a.n * b.n, a.d * b.d);
  }
  const x = float(a), y = float(b), z = x.z.mul(y.z);
  return approximate(z, x.z.abs() * y.error + y.z.abs() * x.error + rounding(z), x.outside || y.outside);
}

export function divide(a: Value, b: Value): Value {
  if (isZero(b)) return unknown;
  if (isExact(a) && isExact(b)) {
    spendOn(a.n, b.d);
    spendOn(a.d, b.n);
    return exact(a.n * b.d, a.d * b.n);
  }
  const x = float(a), y = float(b), z = x.z.div(y.z);
  return approximate(z, (x.error + z.abs() * y.error) / y.z.abs() + rounding(z), x.outside || y.outside);
}

/** Exactly zero, or no further from it than rounding explains. */
export const isZero = (a: Value): boolean => isExact(a) ? a.n === 0n : a.z.abs() <= 16 * a.error;

export const isWhole = (a: Value): a is Exact => isExact(a) && a.d === 1n;

/** The whole number whose `degree`-th power is `n`, or `null`. */
function wholeRoot(n: bigint, degree: bigint): bigint | null {
  if (n < 2n) return n;
  // Newton from above: the root of 2^k is below 2^(k/degree + 1).
  const bits = BigInt(n.toString(16).length * 4);
  if (bits > fractionBits) return null;
  let x = 1n << (bits / degree + 1n);
  for (;;) {
    steps.spend(Number(bits) + 100);
    const next = ((degree - 1n) * x + n / x ** (degree - 1n)) / degree;
    if (next >= x) return x ** degree === n ? x : null;
    x = next;
  }
}

export function power(a: Value, b: Value): Value {
  if (isExact(a) && isExact(b)) {
    if (b.d === 1n) {
      const times = size(b.n),
        longest = BigInt(Math.max(a.n.toString(16).length, a.d.toString(16).length) * 4);
      if (a.n === 0n) return b.n > 0n ? whole(0) : unknown;
      if (times * longest <= wholeBits + 4n || size(a.n) === 1n && a.d === 1n) {
        const odd = times % 2n === 1n, longer = Number(times * longest / 64n + 1n);
        if (size(a.n) !== 1n || a.d !== 1n) steps.spend(longer * longer);
        const n = size(a.n) === 1n ? (odd ? a.n : 1n) : a.n ** times, d = a.d ** (a.d === 1n ? 1n : times);
        return b.n < 0n ? exact(d, n) : exact(n, d);
      }
    } else if (b.d <= 64n && size(b.n) <= 64n) {
      // The real root where there is one: people write (-8)^{1/3} for -2.
      const divisor = [...Array(64).keys()].map((i) => BigInt(64 - i)).find((k) =>
        b.n % k === 0n && b.d % k === 0n
      )!;
      const degree = b.d / divisor, times = b.n / divisor, negative = a.n < 0n;
      if (!negative || degree % 2n === 1n) {
        const n = wholeRoot(size(a.n), degree), d = wholeRoot(a.d, degree);
        if (n !== null && d !== null) return power(exact(negative ? -n : n, d), whole(times));
        if (negative) return multiply(whole(times % 2n === 0n ? 1 : -1), power(negate(a), b));
      }
    }
  }
  const x = float(a), y = float(b), real = x.z.im === 0 && y.z.im === 0;
  if (isZero(a)) return real && y.z.re > 0 ? whole(0) : unknown;
  const z = new Complex(x.z).pow(y.z), length = z.abs();
  const error = length * (y.z.abs() * x.error / x.z.abs() + Math.abs(Math.log(x.z.abs())) * y.error +
    (real && x.z.re > 0 ? 2 : 4 * (1 + y.z.abs() * Math.abs(Math.log(x.z.abs())))) * epsilon);
  const left = real && x.z.re < 0 && !(isExact(b) && b.d === 1n);
  return length === 0 ? unknown : approximate(z, error, x.outside || y.outside || left);
}

/** A function of one value, with the argument's error carried on by its slope. */
export function applied(f: (z: Complex) => Complex, a: Value): Value {
  steps.spend(100);
  const x = float(a), z = f(new Complex(x.z)), step = 1e-6 * (1 + x.z.abs());
  const slope = x.error === 0 ? 0 : f(x.z.add(step)).sub(z).abs() / step;
  if (z.re === 0 && z.im === 0 && x.error === 0 && x.z.abs() > 0.1 && !isExactZeroOf(f, x.z)) return unknown;
  // A pole: what stands there is rounding.
  const left = x.z.im === 0 && Math.abs(z.im) > 1e-12 * (1 + Math.abs(z.re));
  const error = slope * x.error + 4 * epsilon * (z.abs() + (x.error === 0 ? 0 : epsilon));
  return z.abs() > 1e15 ? unknown : approximate(z, error, x.outside || left);
}

/** e to a power; no pole, however large. */
export function exponential(a: Value): Value {
  const x = float(a), z = new Complex(x.z).exp(), length = z.abs();
  return length === 0 ? unknown : approximate(z, length * (x.error + 4 * epsilon), x.outside);
}

/** ln 1 and arccos 1 are exactly 0; exp of a large negative number underflows to it. */
const isExactZeroOf = (f: (z: Complex) => Complex, z: Complex) => f(z.add(1e-3)).abs() > 0;

/** Whether two values are the same: exactly where both are exact, else within what rounding explains. */
export function sameValue(a: Value, b: Value): boolean {
  if (isExact(a) && isExact(b)) {
    spendOn(a.n, b.d);
    spendOn(b.n, a.d);
    return a.n * b.d === b.n * a.d;
  }
  if (isUnknown(a) || isUnknown(b)) return false;
  const x = float(a), y = float(b);
  return x.z.sub(y.z).abs() <= 4 * (x.error + y.error);
}

/** The sign of a real value: -1, 0 or 1; `null` when it is complex or unknown. */
export function signOf(a: Value): -1 | 0 | 1 | null {
  if (isExact(a)) return a.n < 0n ? -1 : a.n > 0n ? 1 : 0;
  if (isUnknown(a) || Math.abs(a.z.im) > 16 * a.error) return null;
  return isZero(a) ? 0 : a.z.re < 0 ? -1 : 1;
}
