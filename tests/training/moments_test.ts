import assert from "node:assert/strict";
import { moments } from "../../lib/training/moments.ts";

Deno.test("moments() divides by n − 1 and leaves NaN out", () => {
  assert.deepEqual(moments([1, 2, NaN, 3]), { mean: 2, std: 1, count: 3 });
  assert.deepEqual(moments([4]), { mean: 4, std: NaN, count: 1 });
  assert.deepEqual(moments([NaN]), { mean: NaN, std: NaN, count: 0 });
});
