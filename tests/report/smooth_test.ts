import assert from "node:assert/strict";
import { smooth } from "../../lib/report/smooth.ts";

Deno.test("smooth() leaves straight lines as they are, up to both ends", () => {
  for (const values of [[5], [5, 5], Array.from({ length: 50 }, (_, i) => 3 - 0.25 * i)]) {
    smooth(values).forEach((value, i) => assert.ok(Math.abs(value - values[i]) < 1e-9, `${value} at ${i}`));
  }
});

Deno.test("smooth() is the Gaussian average where neighbours are symmetric", () => {
  const k1 = Math.exp(-0.5), k2 = Math.exp(-2), k3 = Math.exp(-4.5);
  const middle = smooth([0, 0, 0, 1, 0, 0, 0], { sigma: 1 })[3];
  assert.ok(Math.abs(middle - 1 / (1 + 2 * (k1 + k2 + k3))) < 1e-12);
});
