import assert from "node:assert/strict";
import { type AdvantageOptions, advantages } from "../../lib/training/advantages.ts";
import fixtures from "../fixtures/trl_advantages.json" with { type: "json" };
import { assertAllClose } from "./assert_all_close.ts";

const nan = (rows: (number | null)[][]) => rows.map((row) => row.map((value) => value ?? NaN));

for (const { options, rewards, advantages: expected } of fixtures.advantages) {
  Deno.test(`advantages() gives TRL's numbers for ${JSON.stringify(options)}`, () => {
    assertAllClose(advantages(nan(rewards), options as AdvantageOptions), expected, 1e-9);
  });
}

Deno.test("advantages() subtracts the mean of the others for rloo", () => {
  assertAllClose(advantages([[1, 0, 0, 3]], { advantage: "rloo" }), [[0, -4 / 3, -4 / 3, 8 / 3]]);
});

Deno.test("advantages() divides by the sample standard deviation plus 1e-4 for group", () => {
  const std = Math.sqrt(2); // of 0, 2: n − 1
  assertAllClose(advantages([[0, 2]]), [[-1 / (std + 1e-4), 1 / (std + 1e-4)]]);
});

Deno.test("advantages() are 0 in a group without variance and in a group of one", () => {
  for (const advantage of ["group", "batch", "none", "rloo"] as const) {
    assert.deepEqual(advantages([[0.5, 0.5, 0.5]], { advantage }), [[0, 0, 0]], advantage);
    assert.deepEqual(advantages([[7]], { advantage }), [[0]], advantage);
  }
});

Deno.test("advantages() leaves an unscorable completion out of the others' baseline", () => {
  assertAllClose(advantages([[1, NaN, 3]], { advantage: "none" }), [[-1, 0, 1]]);
  assertAllClose(advantages([[1, NaN, 3]], { advantage: "rloo" }), [[-2, 0, 2]]);
});

Deno.test("advantages() refuses an unknown baseline by name", () => {
  assert.throws(
    () => advantages([[1]], { advantage: "mean" as "none" }),
    /one of group, batch, none, rloo, maxrl, not "mean"/,
  );
});

Deno.test("advantages() of maxrl divides by the share of successes, and is for rewards of 0 and 1", () => {
  assert.deepEqual(
    advantages([[1, 0, 0, 0], [1, 1, NaN, 0], [0, 0, 0, 0], [1, 1, 1, 1]], { advantage: "maxrl" }),
    [
      [3, -1, -1, -1],
      [(1 - 2 / 3) / (2 / 3), (1 - 2 / 3) / (2 / 3), 0, -1],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ],
  );
  assert.throws(() => advantages([[1, 0.5]], { advantage: "maxrl" }), /rewards of 0 and 1, one is 0.5/);
});
