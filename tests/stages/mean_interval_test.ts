import assert from "node:assert/strict";
import { meanInterval } from "../../lib/stages/mean_interval.ts";

Deno.test("meanInterval() is Student's", () => {
  // scipy.stats.t.interval(0.95, 3, loc=mean, scale=sem) of 2, 4, 4, 6
  const { value, low, high } = meanInterval([2, 4, 4, 6]);
  assert.equal(value, 4);
  assert.ok(Math.abs(low - 1.4015) < 1e-3 && Math.abs(high - 6.5985) < 1e-3, `${low} ${high}`);
});

Deno.test("meanInterval() of one measurement has no ends, of none there is no mean", () => {
  assert.deepEqual(meanInterval([3]), { value: 3, low: NaN, high: NaN });
  assert.throws(() => meanInterval([]), RangeError);
});
