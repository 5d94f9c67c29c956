import assert from "node:assert/strict";
import {
  calibration,
  majorityAtK,
  mcnemar,
  pairedBootstrap,
  passAtK,
  wilson,
} from "../../lib/stages/statistics.ts";

function near(actual: number, expected: number, tolerance = 1e-12) {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);
}
const flags = (ones: number, zeros: number) => [...Array(ones).fill(true), ...Array(zeros).fill(false)];

Deno.test("wilson() gives statsmodels' proportion_confint(method='wilson')", () => {
  // statsmodels 0.14: proportion_confint(c, n, method="wilson")
  const cases: [number, number, number, number][] = [
    [8, 10, 0.49016247153664183, 0.9433178485456247],
    [0, 20, 0, 0.1611251580528194],
    [20, 20, 0.8388748419471804, 1],
    [196, 300, 0.5978480299293977, 0.7049414588950748],
    [1, 1, 0.2065493143772374, 1],
  ];
  for (const [count, total, low, high] of cases) {
    const rate = wilson(count, total);
    near(rate.value, count / total);
    near(rate.low, low);
    near(rate.high, high);
  }
});

Deno.test("wilson() says nothing about no observations and refuses impossible counts", () => {
  assert.deepEqual(wilson(0, 0), { value: NaN, low: 0, high: 1, count: 0, total: 0 });
  for (const [count, total] of [[3, 2], [-1, 2], [0.5, 2]]) {
    assert.throws(() => wilson(count, total), {
      name: "RangeError",
      message: new RegExp(`${count} of ${total}`),
    });
  }
});

Deno.test("mcnemar() gives scipy's binomtest(gained, gained + lost) p-value", () => {
  // scipy 1.x: binomtest(b, b + c).pvalue; statsmodels' mcnemar(exact=True) agrees
  const cases: [number, number, number][] = [
    [5, 1, 0.21875],
    [52, 15, 6.4590727912378805e-6],
    [3, 0, 0.25],
    [10, 10, 1],
    [40, 22, 0.030015864349067285],
  ];
  for (const [gained, lost, p] of cases) {
    const before = [...flags(0, gained), ...flags(lost, 0), ...flags(7, 0), ...flags(0, 9)];
    const after = [...flags(gained, 0), ...flags(0, lost), ...flags(7, 0), ...flags(0, 9)];
    const found = mcnemar(before, after);
    assert.deepEqual([found.gained, found.lost], [gained, lost]);
    near(found.p, p, 1e-12);
  }
  assert.equal(mcnemar([true, false], [true, false]).p, 1);
  assert.throws(() => mcnemar([true], []), RangeError);
});

Deno.test("pairedBootstrap() gives scipy's percentile interval and keeps pairs together", () => {
  // scipy.stats.bootstrap of 30 ones, 60 zeros and 10 minus ones, 200000 resamples: 0.2, [0.08, 0.32]
  const before = [...Array(30).fill(0), ...Array(60).fill(1), ...Array(10).fill(1)];
  const after = [...Array(30).fill(1), ...Array(60).fill(1), ...Array(10).fill(0)];
  const { value, low, high } = pairedBootstrap(before, after, { resamples: 20_000 });
  near(value, 0.2);
  near(low, 0.08, 0.0101);
  near(high, 0.32, 0.0101);
  // Were pairs broken up, the interval of a constant difference would have a width.
  assert.deepEqual(pairedBootstrap([1, 5, 9], [2, 6, 10]), { value: 1, low: 1, high: 1 });
});

Deno.test("pairedBootstrap() is repeatable by its seed, and the seed matters", () => {
  const before = Array.from({ length: 97 }, (_, i) => Math.sin(i)),
    after = before.map((x, i) => x + Math.cos(3 * i));
  const run = (seed: number) => pairedBootstrap(before, after, { seed, resamples: 500 });
  assert.deepEqual(run(4), run(4));
  assert.notDeepEqual(run(4), run(5));
  assert.throws(() => pairedBootstrap([], []), RangeError);
});

Deno.test("passAtK() is 1 − C(n−c, k)/C(n, k)", () => {
  near(passAtK(10, 3, 5), 0.9166666666666666);
  near(passAtK(32, 5, 8), 0.7889321468298109);
  near(passAtK(200, 13, 100), 0.9999194971988055);
  near(passAtK(7, 2, 1), 2 / 7);
  assert.equal(passAtK(8, 0, 8), 0);
  assert.equal(passAtK(8, 1, 8), 1);
  assert.throws(() => passAtK(4, 2, 5), { name: "RangeError", message: /k = 5/ });
});

Deno.test("majorityAtK() takes the most frequent answer and shares out ties", () => {
  const vote = (answer: string | null, correct = false) => ({ answer, correct });
  const samples = [vote("9"), vote("8", true), vote("1,000"), vote(" 8 ", true), vote(null), vote("1000")];
  assert.equal(majorityAtK(samples, 1), 0); // 9 alone
  assert.equal(majorityAtK(samples, 2), 0.5); // 9 and 8 tie
  assert.equal(majorityAtK(samples, 4), 1); // 8 twice
  assert.equal(majorityAtK(samples, 6), 0.5); // 8 and 1000 tie at two
  assert.equal(majorityAtK([vote(null), vote(null)], 2), 0);
  assert.throws(() => majorityAtK(samples, 7), RangeError);
});

Deno.test("calibration() weighs each bin's gap by its items", () => {
  const item = (answerProbability: number | null, correct: boolean) => ({ answerProbability, correct });
  // (0.8, 0.9]: stated 0.85 and 0.87, one right: gap |0.5 − 0.86| = 0.36, 2 of 3. (0.2, 0.3]: 0.3, wrong: gap 0.3.
  const found = calibration([item(0.85, true), item(0.87, false), item(0.3, false), item(null, true)]);
  near(found.ece, 0.36 * 2 / 3 + 0.3 / 3);
  near(found.brier, (0.15 ** 2 + 0.87 ** 2 + 0.3 ** 2) / 3);
  assert.equal(found.count, 3);
  assert.deepEqual(found.bins.map((bin) => bin.count), [0, 0, 1, 0, 0, 0, 0, 0, 2, 0]);
  assert.deepEqual(calibration([item(0, false), item(1, true)], { bins: 2 }).bins.map((bin) => bin.count), [
    1,
    1,
  ]);
  assert.throws(() => calibration([item(1.2, true)]), { name: "RangeError", message: /1\.2/ });
});
