import assert from "node:assert/strict";

type Numbers = ArrayLike<number> | readonly ArrayLike<number>[];

/** Asserts that two (nested) lists of numbers have the same shape and differ by at most `tolerance` anywhere. */
export function assertAllClose(actual: Numbers, expected: Numbers, tolerance = 1e-12): void {
  assert.equal(actual.length, expected.length, "lengths differ");
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i], e = expected[i];
    if (typeof a === "object" && typeof e === "object") assertAllClose(a, e, tolerance);
    else if (!(Math.abs(Number(a) - Number(e)) <= tolerance)) {
      assert.fail(`[${i}]: ${a}, expected ${e} ± ${tolerance}`);
    }
  }
}
