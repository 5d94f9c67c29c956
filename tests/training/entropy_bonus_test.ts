import assert from "node:assert/strict";
import { entropyBonus } from "../../lib/training/entropy_bonus.ts";

Deno.test("entropyBonus() follows a number or a schedule, and is off at 0", () => {
  const bonus = entropyBonus({ steps: 10, entropyCoef: { kind: "linear", from: 0.02, to: 0 } });
  assert.deepEqual([bonus.on, bonus.weight(0), bonus.weight(5)], [true, 0.02, 0.01]);
  bonus.observe(0.001);
  assert.equal(bonus.weight(5), 0.01);
  assert.deepEqual([
    entropyBonus({ steps: 1, entropyCoef: 0 }).on,
    entropyBonus({ steps: 1, entropyCoef: 0 }).weight(0),
  ], [
    false,
    0,
  ]);
});

Deno.test("entropyBonus() with a target rises below it and falls above, within its bounds, and acts only at or below", () => {
  const bonus = entropyBonus({
    steps: 10,
    entropyCoef: 0.5,
    entropyTarget: 1,
    entropyCoefDelta: 0.25,
    entropyCoefMin: 0.25,
    entropyCoefMax: 0.875,
  });
  // by hand, as TRL's _compute_loss: the weight of an update is of the entropy before it
  const seen = [0.9, 1, 0.5, 1.1, 2, 3, 0.2].map((entropy, index) => {
    const weight = bonus.weight(index);
    bonus.observe(entropy);
    return [weight, bonus.state.coefficient];
  });
  assert.deepEqual(seen, [
    [0, 0.75],
    [0.75, 0.875],
    [0.875, 0.875],
    [0.875, 0.625],
    [0, 0.375],
    [0, 0.25],
    [0, 0.5],
  ]);
  const other = entropyBonus({ steps: 10, entropyCoef: 0.5, entropyTarget: 1 });
  other.state = bonus.state;
  assert.equal(other.weight(8), 0.5);
});
