import assert from "node:assert/strict";
import { compareFigures, comparisonTable } from "./compare_figures.ts";

Deno.test("compareFigures() holds the medians' ratio, or ours alone, to what is asked", () => {
  const ours = [{ step_s: 4, rate: 90, first: 1.4, start_s: 2 }, {
    step_s: 1,
    rate: 30,
    first: 2,
    start_s: 2,
  }, {
    step_s: 2,
    rate: 60,
    first: 1.6,
    start_s: 2,
  }];
  const theirs = [{ step_s: 4, rate: 20, first: 1.1, start_s: 8 }];
  const targets = {
    step_s: { value: 0.5 },
    rate: { value: 4, least: true },
    first: { value: 1.5, alone: true },
    start_s: null,
  };
  const compared = compareFigures({ ours, theirs }, targets);
  assert.deepEqual(compared, {
    step_s: { ours: 2, peer: 4, ratio: 0.5, target: 0.5, met: true },
    rate: { ours: 60, peer: 20, ratio: 3, target: 4, met: false },
    first: { ours: 1.6, peer: 1.1, ratio: 1.6 / 1.1, target: 1.5, met: false },
    start_s: { ours: 2, peer: 8, ratio: 0.25, target: null, met: null },
  });
  assert.deepEqual(
    comparisonTable("real", compared, targets).split("\n").map((line) => line.trim().split(/\s{2,}/)),
    [
      ["real", "ours", "peer", "ratio", "target"],
      ["step_s", "2.00", "4.00", "0.500", "at most 0.50: met"],
      ["rate", "60.0", "20.0", "3.00", "at least 4.0: missed"],
      ["first", "1.60", "1.10", "1.45", "ours at most 1.5: missed"],
      ["start_s", "2.00", "8.00", "0.250"],
    ],
  );
});
