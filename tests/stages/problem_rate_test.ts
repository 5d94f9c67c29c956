import assert from "node:assert/strict";
import { Random } from "../../lib/random/random.ts";
import { problemRate, shareInterval } from "../../lib/stages/problem_rate.ts";
import { wilson } from "../../lib/stages/statistics.ts";

const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-9, `${a}, ${b}`);

Deno.test("problemRate() is Wilson's interval with one sample a problem", () => {
  for (const [right, all] of [[0, 5], [3, 10], [10, 10], [1, 400]]) {
    const rate = problemRate(Array.from({ length: all }, (_, i) => [i < right])), plain = wilson(right, all);
    assert.deepEqual([rate.count, rate.total], [right, all]);
    near(rate.low, plain.low);
    near(rate.high, plain.high);
  }
});

Deno.test("problemRate() with samples that all agree is as wide as with one, and narrower where they differ", () => {
  const alike = problemRate(Array.from({ length: 20 }, (_, i) => Array(16).fill(i < 8))), one = wilson(8, 20);
  near(alike.low, one.low);
  near(alike.high, one.high);
  const mixed = problemRate(Array.from({ length: 20 }, () => Array.from({ length: 16 }, (_, i) => i < 6))),
    most = wilson(120, 320);
  near(mixed.low, most.low);
  near(mixed.high, most.high);
});

Deno.test("problemRate() covers the truth about as often as it says, where Wilson's over samples does not", () => {
  const random = new Random(4), runs = 600, mean = 0.4;
  let clustered = 0, naive = 0;
  for (let run = 0; run < runs; run++) {
    // a problem is mostly right or mostly wrong: 0.9 with probability 3/8, else 0.1
    const groups = Array.from({ length: 40 }, () => {
      const p = random.next() < 0.375 ? 0.9 : 0.1;
      return Array.from({ length: 8 }, () => random.next() < p);
    });
    const rate = problemRate(groups), plain = wilson(rate.count, rate.total);
    if (rate.low <= mean && mean <= rate.high) clustered++;
    if (plain.low <= mean && mean <= plain.high) naive++;
  }
  assert.ok(clustered / runs > 0.92 && clustered / runs < 0.98, `${clustered / runs}`);
  assert.ok(naive / runs < 0.75, `${naive / runs}`);
});

Deno.test("shareInterval() without problems is the whole range", () => {
  assert.deepEqual(shareInterval([]), { value: NaN, low: 0, high: 1 });
});
