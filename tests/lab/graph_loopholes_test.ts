import assert from "node:assert/strict";
import { generateProblems } from "../../lib/data/generator.ts";
import type { Problem } from "../../lib/data/problem.ts";
import { judgeGraph } from "../../lib/graph/judge_graph.ts";
import { graphLoopholes } from "../../lib/lab/graph_loopholes.ts";

const problem: Problem = {
  id: "p",
  question: "5 + 3?",
  answer: "8",
  difficulty: "easy",
  domain: "maths",
  graph: {
    nodes: [
      { id: "n1", op: "const", val: 5 },
      { id: "n2", op: "const", val: 3 },
      { id: "final_result", op: "add", args: ["n1", "n2"] },
    ],
  },
};

Deno.test("graphLoopholes() misreads a number for its honest wrong graph", () => {
  const { honest } = graphLoopholes(problem);
  assert.equal(judgeGraph(honest.right, "8").score, 1);
  const wrong = judgeGraph(honest.wrong, "8");
  assert.deepEqual([wrong.score, wrong.answer], [0.5, "9"]);
  assert.match(honest.wrong, /"id":"n1","op":"const","val":6/);
});

Deno.test("graphLoopholes() says truly which graphs come to the right answer, and none earns more than an honest one", () => {
  for (const one of [problem, ...generateProblems({ count: 40, seed: 12 })]) {
    const { loopholes } = graphLoopholes(one);
    for (const { name, completion, knows } of loopholes) {
      const { score } = judgeGraph(completion, one.answer);
      assert.ok(score <= (knows ? 1 : 0.5), `${name}: ${score}`);
    }
    // R2's formula cannot tell a graph that computes from one that only states: they tie, and no more
    const score = (name: string) =>
      judgeGraph(loopholes.find((loophole) => loophole.name === name)!.completion, one.answer).score;
    assert.equal(score("the guess as a constant"), 0.5);
    assert.equal(score("the right answer as a constant"), 1);
  }
});

Deno.test("graphLoopholes() refuses a problem without a graph", () => {
  assert.throws(() => graphLoopholes({ ...problem, graph: undefined }), {
    name: "RangeError",
    message: /a graph that computes its answer, got none for "5 \+ 3\?"/,
  });
});
