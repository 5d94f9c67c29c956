import assert from "node:assert/strict";
import { updateGuard } from "../../lib/training/update_guard.ts";

Deno.test("updateGuard() skips what is not finite and stops after the limit in a row", () => {
  const guard = updateGuard({ limit: 3 });
  const verdicts = [[1, 1], [NaN, 1], [1, Infinity], [0, 0], [1, NaN], [-Infinity, 1], [NaN, NaN]] as const;
  assert.deepEqual(
    verdicts.map(([loss, norm]) => guard.check(loss, norm)),
    ["update", "skip", "skip", "update", "skip", "skip", "stop"],
  );
  assert.deepEqual({ ...guard.state }, { skipped: 5, inARow: 3 });
});

Deno.test("updateGuard() goes on counting from a checkpoint's state, which it leaves alone", () => {
  const state = { skipped: 4, inARow: 2 }, guard = updateGuard({ limit: 3, state });
  assert.equal(guard.check(NaN, 1), "stop");
  assert.deepEqual([guard.state.skipped, state.skipped], [5, 4]);
});
