import assert from "node:assert/strict";
import { lengthBonus } from "../../lib/rewards/length_bonus.ts";
import { pointedAt, sampleOf } from "./reward_sample.ts";

const words = (count: number) => Array.from({ length: count }, (_, i) => `w${"x".repeat(i)}`).join(" ");
const score = (reasoning: string, options = {}) =>
  lengthBonus(options)(sampleOf(`<reasoning>${reasoning}</reasoning><answer>8</answer>`));

Deno.test("lengthBonus() rises to min words, is 1 up to max, and falls to 0 at twice max", () => {
  const options = { min: 10, max: 20 };
  assert.equal(score("", options), 0);
  assert.equal(score(words(5), options), 0.5);
  for (const count of [10, 15, 20]) assert.equal(score(words(count), options), 1);
  assert.equal(score(words(25), options), 0.75);
  assert.equal(score(words(40), options), 0);
  assert.equal(score(words(80), options), 0);
  assert.equal(lengthBonus()(sampleOf(`${words(50)}<answer>8</answer>`)), 0, "no reasoning");
});

Deno.test("lengthBonus() counts repeated words once", () => {
  // 100 words: two, then the only distinct runs "step by step", "by step step", "step step by": 5 words are new
  assert.equal(score("step by step ".repeat(50), { min: 10 }), 0.5);
});

Deno.test("lengthBonus() points at the reasoning with its count", () => {
  const sample = sampleOf("<reasoning>5 + 3 = 8</reasoning><answer>8</answer>");
  assert.deepEqual(pointedAt(lengthBonus(), sample), [["5 + 3 = 8", "3 words that are new, fewer than 15"]]);
});

Deno.test("lengthBonus() refuses bounds that exclude everything", () => {
  assert.throws(() => lengthBonus({ min: 30, max: 20 }), /max = 20 must not be below `min`/);
  assert.throws(() => lengthBonus({ min: 0 }), /min = 0 must be at least 1/);
});
