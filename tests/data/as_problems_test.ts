import assert from "node:assert/strict";
import { asDistinctProblems, asProblems } from "../../lib/data/as_problems.ts";
import type { Problem } from "../../lib/data/problem.ts";

Deno.test("asProblems() takes numbers as answers and fills in what is missing", () => {
  const [problem] = asProblems([{ question: "5 + 3?", answer: 8 }], "evaluating");
  assert.deepEqual(problem, {
    id: "problem/0",
    question: "5 + 3?",
    answer: "8",
    difficulty: "easy",
    domain: "maths",
  });
  const whole: Problem[] = [problem];
  assert.equal(asProblems(whole, "evaluating"), whole);
});

Deno.test("asProblems() says what is wrong with what it was given", () => {
  assert.throws(() => asProblems(["5 + 3?"], "evaluating"), /item 0 is "5 \+ 3\?"/);
  assert.throws(
    () => asProblems({ train: [], test: [] }, "evaluating"),
    /of a data set, give its \.train or \.test/,
  );
  assert.throws(
    () => asProblems([{ question: "Q?", answer: "7", difficulty: "huge" }], "evaluating"),
    /item 0 has "huge"/,
  );
  const twice = [{ id: "a", question: "Q?", answer: 1 }, { id: "a", question: "R?", answer: 2 }];
  assert.throws(() => asDistinctProblems(twice, "evaluating"), /items 0 and 1 are both "a"/);
});
