import assert from "node:assert/strict";
import { meanInterval } from "../../lib/stages/mean_interval.ts";

Deno.test("meanInterval() is Student's", () => {
  // scipy.stats.t.interval(0.95, 3, loc=mean, scale=sem) of 2, 4, 4, 6
  const { value, low, high } = meanInterval([2, 4, 4, 6]);
  assert.equal(value, 4);
  assert.ok(Math.abs(low - 1.4015) < 1e-3 && Math.abs(high - 6.5985) < 1e-3, `${low} ${high}`);
});

Deno.test("meanInterval() uses Student's t at every number of degrees of freedom", () => {
  // half · √n / s is the quantile; scipy.stats.t.ppf(0.975, n - 1)
  const quantiles = {
    2: 12.7062047,
    3: 4.3026527,
    31: 2.0422725,
    32: 2.0395134,
    61: 2.0002978,
    1001: 1.9623391,
  };
  for (const [count, quantile] of Object.entries(quantiles)) {
    const n = Number(count), values = Array.from({ length: n }, (_, i) => i % 2);
    const { value, high } = meanInterval(values);
    const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - value) ** 2, 0) / (n - 1));
    const found = (high - value) * Math.sqrt(n) / deviation;
    assert.ok(Math.abs(found - quantile) < 2e-7 * quantile, `${n - 1} degrees: ${found}, not ${quantile}`);
  }
});

Deno.test("meanInterval() of one measurement has no ends, of none there is no mean", () => {
  assert.deepEqual(meanInterval([3]), { value: 3, low: NaN, high: NaN });
  assert.throws(() => meanInterval([]), RangeError);
});
