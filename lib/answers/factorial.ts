import { Complex } from "complex.js";
import { steps } from "./steps.ts";
import { approximate, float, isWhole, unknown, type Value, whole } from "./value.ts";

const lanczos = [
  0.99999999999980993,
  676.5203681218851,
  -1259.1392167224028,
  771.32342877765313,
  -176.61502916214059,
  12.507343278686905,
  -0.13857109526572012,
  9.9843695780195716e-6,
  1.5056327351493116e-7,
];

/** Γ by Lanczos' approximation (g = 7), good to about 1e-14. */
function gamma(x: number): number {
  if (x < 0.5) return Math.PI / (Math.sin(Math.PI * x) * gamma(1 - x));
  const t = x + 6.5;
  const series = lanczos.slice(1).reduce((sum, c, i) => sum + c / (x + i), lanczos[0]);
  return Math.sqrt(2 * Math.PI) * t ** (x - 0.5) * Math.exp(-t) * series;
}

/** n!, by Γ where n is no whole number, so that `(n+1)! = (n+1)n!` holds at every point. */
export function factorial(a: Value): Value {
  if (isWhole(a)) {
    if (a.n < 0n || a.n > 3000n) return unknown;
    steps.spend(Number(a.n) * (1 + Number(a.n) / 60));
    let result = 1n;
    for (let i = 2n; i <= a.n; i++) result *= i;
    return whole(result);
  }
  const x = float(a);
  if (Math.abs(x.z.im) > 1e-12 || Math.abs(x.z.re) > 150) return unknown;
  const z = gamma(x.z.re + 1);
  return approximate(new Complex(z, 0), Math.abs(z) * (1e-13 + 8 * x.error), x.outside);
}
