import assert from "node:assert/strict";
import { BenchBudget } from "./gpu_budget.ts";

const parts = ["one", "two", "three"];

/** A budget on a clock that measurements of `each` seconds move. */
function budgetOf(minutes: number, each: Record<string, number>) {
  let clock = 0;
  const counts: Record<string, number> = {};
  const budget = new BenchBudget({ minutes, times: 5, parts, now: () => clock });
  const run = async (name: string) => {
    counts[name] = 0;
    const { said } = await budget.part(name, () =>
      budget.median(() => {
        clock += 1000 * each[name];
        return Promise.resolve(++counts[name]);
      }));
    return said;
  };
  return { budget, counts, run };
}

Deno.test("BenchBudget leaves out repeats and no part where the time is short", async () => {
  // of a minute, the first part may take 20 s, the second half of what is left then
  const { budget, counts, run } = budgetOf(1, { one: 8, two: 1, three: 100 });
  assert.equal(await run("one"), "one: 24.0 s of 20.0, figures measured from 2 to 5 times");
  assert.equal(await run("two"), "two: 6.0 s of 18.0");
  assert.equal(await run("three"), "three: 200.0 s of 30.0, figures measured from 1 to 5 times");
  // each with one more, which compiles
  assert.deepEqual(counts, { one: 3, two: 6, three: 2 });
  assert.deepEqual(budget.seconds, { one: 24, two: 6, three: 200 });
});

Deno.test("BenchBudget measures once a figure after its time has ended", async () => {
  const { counts, run } = budgetOf(0.1, { one: 60, two: 1, three: 1 });
  for (const part of parts) await run(part);
  assert.deepEqual(counts, { one: 2, two: 2, three: 2 });
});

Deno.test("BenchBudget gives the median of the measurements after the first", async () => {
  const budget = new BenchBudget({ minutes: 1, times: 5, parts }), values = [100, 5, 1, 4, 2, 3];
  assert.equal(await budget.median(() => Promise.resolve(values.shift()!)), 3);
});

Deno.test("BenchBudget refuses a time that is none, and a part that is unknown or was run", async () => {
  assert.throws(
    () => new BenchBudget({ minutes: 0, times: 5, parts }),
    /--minutes must be more than 0, got 0/,
  );
  assert.throws(() => new BenchBudget({ minutes: NaN, times: 5, parts }), /--minutes must be more than 0/);
  assert.throws(
    () => new BenchBudget({ minutes: 1, times: 1.5, parts }),
    /--times must be a whole number from 1/,
  );
  const { budget, run } = budgetOf(1, { one: 1 });
  await run("one");
  for (const name of ["one", "four"]) {
    await assert.rejects(budget.part(name, () => Promise.resolve()), /each of one, two, three once, got/);
  }
});
