import assert from "node:assert/strict";
import { nearDuplicates } from "../../lib/data/near_duplicates.ts";
import { normaliseQuestion } from "../../lib/data/normalise_question.ts";
import type { Problem } from "../../lib/data/problem.ts";

const asked = (question: string): Problem => ({
  id: question,
  question,
  answer: "1",
  difficulty: "easy",
  domain: "maths",
});

const question =
  "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many in all?";

Deno.test("nearDuplicates() finds the same numbers in nearly the same words, and nothing else", () => {
  const reworded = asked(question.replace("Natalia", "Natasha")),
    other = asked(question.replace("48", "50")),
    shuffled = asked("How many clips did she sell in all? In April 48, in May half of that.");
  const found = nearDuplicates([reworded, other, shuffled], [asked(question)]);
  assert.deepEqual(found.map(({ train }) => train), [reworded]);
  assert.ok(found[0].likeness > 0.8 && found[0].likeness < 1);
});

Deno.test("normaliseQuestion() sees through digits of other scripts and separators, and keeps Bangla's vowel signs", () => {
  assert.equal(normaliseQuestion("মিনার ১৬টি ডিম আছে?"), normaliseQuestion("মিনার 16টি ডিম আছে"));
  assert.equal(normaliseQuestion("It costs $1,080."), normaliseQuestion("It costs 1080"));
  assert.notEqual(normaliseQuestion("কি"), normaliseQuestion("কা"));
});
