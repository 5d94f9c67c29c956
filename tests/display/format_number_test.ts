import assert from "node:assert/strict";
import { formatDuration, formatNumber, formatPercent } from "../../lib/display/format_number.ts";

Deno.test("formatDuration() says seconds as people do", () => {
  const cases: [number, string][] = [
    [0.44, "0.4 s"],
    [9.96, "10 s"],
    [59.4, "59 s"],
    [59.6, "1 min 00 s"],
    [185, "3 min 05 s"],
    [7621, "2 h 07 min"],
    [NaN, "?"],
  ];
  for (const [seconds, text] of cases) assert.equal(formatDuration(seconds), text);
});

Deno.test("formatNumber() and formatPercent() keep three digits and one decimal", () => {
  const cases: [number | null, string][] = [
    [0.012345, "0.0123"],
    [4.5678, "4.57"],
    [1240.4, "1240"],
    [2.14e-5, "2.1e-5"],
    [0, "0"],
    [-3, "-3"],
    [null, "–"],
    [Infinity, "–"],
  ];
  for (const [value, text] of cases) assert.equal(formatNumber(value), text);
  assert.equal(formatPercent(0.98351), "98.4 %");
  assert.equal(formatPercent(NaN), "–");
});
