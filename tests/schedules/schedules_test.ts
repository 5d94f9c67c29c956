import assert from "node:assert/strict";
import { anneal, curriculum, generateProblems, learningRate } from "../../mod.ts";
import { Random } from "../../lib/random/random.ts";

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);

Deno.test("anneal() moves as its kind says", () => {
  const at = (kind: "linear" | "cosine" | "exponential" | "step", step: number) =>
    anneal({ kind, from: 1, to: 0.25 }).at(step, 100);
  near(at("linear", 40), 0.7);
  near(at("cosine", 50), 0.625);
  near(at("exponential", 50), 0.5);
  near(at("step", 49), 1);
  near(at("step", 50), 0.25);
  near(at("linear", 1000), 0.25);
  near(anneal({ kind: "linear", from: 0, to: 1, start: 0.5, end: 0.75 }).at(60, 100), 0.4);
  near(anneal(3).at(7, 9), 3);
  assert.throws(
    () => anneal({ kind: "exponential", from: -1, to: 1 }),
    /to = 1 must have the sign of `from`/,
  );
  assert.deepEqual(JSON.parse(JSON.stringify(anneal({ kind: "cosine", from: 0, to: 1 }))), {
    kind: "cosine",
    from: 0,
    to: 1,
  });
});

Deno.test("learningRate() warms up, then follows its curve", () => {
  const cosine = learningRate({ kind: "cosine", peak: 1, warmupSteps: 10, final: 0.2 });
  near(cosine.at(0, 110), 0.1);
  near(cosine.at(9, 110), 1);
  near(cosine.at(60, 110), 0.6);
  near(cosine.at(110, 110), 0.2);
  near(learningRate({ kind: "linear", peak: 1, warmupRatio: 0.1 }).at(55, 100), 0.5);
  near(learningRate({ peak: 2, warmupSteps: 4 }).at(50, 100), 2);
  assert.throws(() => learningRate({ peak: 1, warmupSteps: 1, warmupRatio: 0.1 }), /give one of the two/);
});

Deno.test("curriculum() has R3's phases, in proportion to the run", () => {
  const { phaseAt } = curriculum();
  assert.deepEqual([0, 59, 60, 139, 140, 199].map((step) => phaseAt(step, 200).name), [
    "easy",
    "easy",
    "medium",
    "medium",
    "hard",
    "hard",
  ]);
  assert.deepEqual([5, 6, 13, 14].map((step) => phaseAt(step, 20).name), [
    "easy",
    "medium",
    "medium",
    "hard",
  ]);
});

Deno.test("curriculum() draws from the phase's difficulties, each problem once, the same for the same seed", () => {
  const problems = generateProblems({ count: 60, seed: 3 }), course = curriculum();
  const easy = course.draw(problems, 10, 0, 200, new Random(1));
  assert.ok(easy.every(({ difficulty }) => difficulty === "easy"));
  assert.equal(new Set(easy.map(({ id }) => id)).size, 10);
  assert.deepEqual(course.draw(problems, 10, 0, 200, new Random(1)), easy);
  assert.deepEqual(
    new Set(course.draw(problems, 40, 199, 200, new Random(2)).map(({ difficulty }) => difficulty)),
    new Set(["easy", "medium", "hard"]),
  );
});

Deno.test("an adaptive curriculum moves on when correctness passes its threshold, and its state can be kept", () => {
  const spec = {
    kind: "adaptive" as const,
    threshold: 0.6,
    window: 2,
    phases: [{ name: "easy", difficulties: ["easy" as const] }, {
      name: "hard",
      difficulties: ["hard" as const],
    }],
  };
  const course = curriculum(spec), name = () => course.phaseAt(0, 1).name;
  course.observe(0.9);
  assert.equal(name(), "easy", "one step is no average");
  course.observe(0.2);
  assert.equal(name(), "easy");
  const again = curriculum(spec);
  again.restore(course.state);
  again.observe(1);
  assert.equal(again.phaseAt(0, 1).name, "hard");
});
