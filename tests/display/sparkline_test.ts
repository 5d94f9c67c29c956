import assert from "node:assert/strict";
import { sparkline } from "../../lib/display/sparkline.ts";

Deno.test("sparkline() draws the least at the bottom, the most at the top and marks the last", () => {
  const svg = sparkline([0, 1, 0.5], { width: 106, height: 26 });
  // Three points over 100 pixels between insets of 3; y from 23 (0) to 3 (1).
  assert.match(svg, /d="M3 23L53 3L103 13"/);
  assert.match(svg, /<circle cx="103" cy="13"/);
});

Deno.test("sparkline() leaves out what is not finite, keeps constants in the middle and survives one value", () => {
  assert.match(sparkline([1, NaN, 1], { width: 106, height: 26 }), /d="M3 13L103 13"/);
  assert.doesNotMatch(sparkline([5]), /path|NaN/);
  assert.match(sparkline([0.5, 0.5], { width: 106, height: 26, range: [0, 1] }), /d="M3 13L103 13"/);
});
