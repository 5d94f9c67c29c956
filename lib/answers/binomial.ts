import { factorial } from "./factorial.ts";
import { add, divide, isUnknown, isWhole, multiply, negate, type Value, whole } from "./value.ts";

/** The binomial coefficient; of any upper number where the lower one is whole. */
export function binomial(a: Value, b: Value): Value {
  if (isWhole(b) && b.n < 0n) return whole(0);
  let below = b;
  if (isWhole(a) && isWhole(b) && a.n >= b.n && 2n * b.n > a.n) below = whole(a.n - b.n);
  if (isWhole(below) && below.n <= 1000n) {
    let result: Value = whole(1);
    for (let i = 0n; i < below.n && !isUnknown(result); i++) {
      result = divide(multiply(result, add(a, whole(-i))), whole(i + 1n));
    }
    return result;
  }
  return divide(factorial(a), multiply(factorial(b), factorial(add(a, negate(b)))));
}
