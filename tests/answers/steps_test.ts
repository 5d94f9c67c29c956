import assert from "node:assert/strict";
import { answersMatch } from "../../lib/answers/answers_match.ts";
import { steps } from "../../lib/answers/steps.ts";
import { heavyLists } from "./hostile_answers.ts";

Deno.test("steps.within() ends what spends too much, and nothing is counted outside", () => {
  let done = 0;
  const count = (times: number) => () => {
    for (let i = 0; i < times; i++) {
      steps.spend(1000);
      done++;
    }
    return "done";
  };
  assert.equal(steps.within(count(1000), "cut"), "done");
  assert.equal(steps.within(count(1000), "cut"), "done"); // each has its own
  done = 0;
  assert.equal(steps.within(count(5000), "cut"), "cut");
  assert.equal(done, 2000);
  assert.equal(count(5000)(), "done");
  assert.throws(() =>
    steps.within(() => {
      throw new RangeError("its own");
    }, "cut"), /its own/);
});

/** The steps that a comparison takes, with what came before it. */
function taken(answer: string, reference: string): { same: boolean; count: number } {
  const { within } = steps;
  let count = 0;
  steps.within = (compare, otherwise) =>
    within(() => {
      const before = steps.left;
      try {
        return compare();
      } finally {
        count = before - steps.left;
      }
    }, otherwise);
  try {
    return { same: answersMatch(answer, reference), count };
  } finally {
    steps.within = within;
  }
}

Deno.test("answersMatch() takes as many steps whatever was compared before", () => {
  const numbers = [...Array(60).keys()];
  const pairs: [string, string][] = [
    [
      numbers.map((i) => `1+x+${i}=y+i+b`).join(),
      numbers.map((i) => `${59 - i}+x+1=i+y+b`).join(),
    ],
    ["1267650600228229401496703205376", "2^{100}"],
    ["\\binom{n}{2}", "\\frac{n(n-1)}{2}"],
    ...heavyLists(),
  ];
  const there = pairs.map((pair) => taken(...pair)), back = pairs.toReversed().map((pair) => taken(...pair));
  assert.deepEqual(there, back.reverse());
  assert.deepEqual(there.slice(0, 3).map(({ same }) => same), [true, true, true]);
  assert.ok(there.some(({ count }) => count > 2_000_000), "none of them is cut");
  assert.ok(there[0].count > 1_000_000 && there[0].count < 2_000_000, `${there[0].count} steps`);
});

Deno.test("answersMatch() takes what it has no steps to compare for the same only where it is written the same", () => {
  const lists = [...heavyLists()].filter(([answer, reference]) => taken(answer, reference).count > 2_000_000);
  assert.ok(lists.length > 3);
  for (const [answer, reference] of lists) {
    assert.equal(answersMatch(answer, reference), false);
    assert.equal(answersMatch(answer, ` ${answer}`), true);
  }
});
