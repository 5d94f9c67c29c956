import assert from "node:assert/strict";
import { advantagesByComponent } from "../../lib/training/advantages_by_component.ts";
import fixtures from "../fixtures/trl_advantages.json" with { type: "json" };
import { assertAllClose } from "./assert_all_close.ts";

Deno.test("advantagesByComponent() gives TRL's numbers for normalize_then_sum, with scores missing", () => {
  const { weights, scores, advantages } = fixtures.byComponent;
  assertAllClose(advantagesByComponent(scores, { weights }), advantages, 1e-9);
});

Deno.test("advantagesByComponent() lets a component of small range count as much as one of large range", () => {
  // Normalised, both are ±0.866: the wishes of the first two completions cancel out, those of the others add up.
  const result = advantagesByComponent([[[100, 0], [0, 1], [0, 0], [100, 1]]], { weights: [1, 1] });
  assertAllClose(result, [[0, 0, -Math.sqrt(1.5), Math.sqrt(1.5)]], 5e-4);
});

Deno.test("advantagesByComponent() refuses a completion with too few scores", () => {
  assert.throws(() => advantagesByComponent([[[1], [2]]], { weights: [1, 1] }), /2 weights, one has 1/);
});
