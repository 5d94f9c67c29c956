import assert from "node:assert/strict";
import { difficultyOf } from "../../lib/data/difficulty.ts";
import { generateProblems } from "../../lib/data/generator.ts";

const problems = generateProblems({ count: 5000, seed: 11, distractors: 0.2 });

/** The result of a written step, worked out here and not by the generator. */
function evaluated(left: number, operator: string, right: number): number {
  if (operator === "+") return left + right;
  if (operator === "-") return left - right;
  if (operator === "×") return left * right;
  return left / right;
}

Deno.test("generateProblems() writes only true steps, from known numbers, that end in the answer", () => {
  for (const { question, reasoning, answer, difficulty, id } of problems) {
    const known = new Set((question.match(/\d+/g) ?? []).map(Number));
    const steps = [...reasoning!.matchAll(/(\d+)(%? of | [-+×÷] )(\d+) = (\d+)/g)];
    assert.equal(steps.length, reasoning!.split("=").length - 1, `${id}: an unreadable step in ${reasoning}`);
    let last = NaN;
    for (const [step, a, operator, b, c] of steps) {
      const percentage = operator.includes("of");
      last = percentage ? Number(a) * Number(b) / 100 : evaluated(Number(a), operator.trim(), Number(b));
      assert.equal(last, Number(c), `${id}: ${step}`);
      for (const operand of [a, b]) {
        assert.ok(known.has(Number(operand)), `${id}: ${operand} of ${step} is not in: ${question}`);
      }
      assert.ok(Number.isInteger(last) && last >= 0, `${id}: ${step}`);
      known.add(last);
    }
    assert.equal(String(last), answer, id);
    const least = { easy: 1, medium: 2, hard: 3 }[difficulty],
      most = { easy: 1, medium: 2, hard: 5 }[difficulty];
    assert.ok(
      steps.length >= least && steps.length <= most,
      `${id}: ${steps.length} steps for ${difficulty}`,
    );
    assert.equal(difficultyOf(reasoning!), difficulty, id);
  }
});

Deno.test("generateProblems() repeats itself for a seed and differs between seeds", () => {
  assert.deepEqual(generateProblems({ count: 50, seed: 11, distractors: 0.2 }), problems.slice(0, 50));
  assert.notDeepEqual(
    generateProblems({ count: 50, seed: 12, distractors: 0.2 }).map((p) => p.question),
    problems.slice(0, 50).map((p) => p.question),
  );
});

Deno.test("generateProblems() refuses a count below zero and a share above one", () => {
  assert.throws(() => generateProblems({ count: -1 }), /whole count from 0, got -1/);
  assert.throws(
    () => generateProblems({ count: 1, distractors: 2 }),
    /share of distractors from 0 to 1, got 2/,
  );
});
