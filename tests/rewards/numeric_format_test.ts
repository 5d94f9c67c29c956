import assert from "node:assert/strict";
import { numericFormat } from "../../lib/rewards/numeric_format.ts";
import { pointedAt, sampleOf } from "./reward_sample.ts";

const score = (answer: string, reference = "8") =>
  numericFormat()(sampleOf(`<answer>${answer}</answer>`, { answer: reference }));

Deno.test("numericFormat() gives 1 for a number and nothing else, right or wrong", () => {
  for (const text of ["8", "9", " 8 ", "-3", "−3", "+3", "1,234.5", "12,34,567", "3/4", "0.5", "১৮", "٣"]) {
    assert.equal(score(text), 1, text);
  }
});

Deno.test("numericFormat() gives .5 for a number in another spelling and 0 for what is none", () => {
  for (const text of ["$18", "18 apples", "50%", "eighteen", "\\frac{3}{4}", "**8**", "1e3", "2 1/2"]) {
    assert.equal(score(text), 0.5, text);
  }
  for (
    const text of ["", "  ", "18 and 19", "blue", "x = ?", "5 + 3", "3/0", "1,2,3", "8".repeat(300), "(1, 2)"]
  ) {
    assert.equal(score(text), 0, text);
  }
  assert.equal(numericFormat()(sampleOf("8")), 0, "no tags");
});

Deno.test("numericFormat() cannot judge where the reference is no number", () => {
  assert.equal(score("8", "Paris"), null);
  assert.equal(score("8", ""), null);
  assert.equal(score("8", "$1,200"), 1);
});

Deno.test("numericFormat() points at the answer", () => {
  assert.deepEqual(pointedAt(numericFormat(), sampleOf("<answer>$18</answer>")), [[
    "$18",
    "a number with something around it",
  ]]);
  assert.deepEqual(pointedAt(numericFormat(), sampleOf("<answer></answer>")), []);
});
