import assert from "node:assert/strict";
import { judgeGraph } from "../../lib/graph/judge_graph.ts";
import { computationalGraph } from "../../lib/rewards/computational_graph.ts";
import { pointedAt, sampleOf } from "./reward_sample.ts";

const right = {
  nodes: [
    { id: "n1", op: "const", val: 5 },
    { id: "n2", op: "const", val: 3 },
    { id: "final_result", op: "add", args: ["n1", "n2"] },
  ],
};
const nodes = (...last: unknown[]) => JSON.stringify({ nodes: [...right.nodes.slice(0, 2), ...last] });
const graph = (...last: unknown[]) => `<reasoning>5 and 3</reasoning><answer>${nodes(...last)}</answer>`;
const score = (completion: string, answer = "8") => computationalGraph()(sampleOf(completion, { answer }));

Deno.test("computationalGraph() gives .2 for parsing, .3 valid, .5 executing, 1 for the right answer", () => {
  const zero = { id: "z", op: "sub", args: ["n1", "n1"] };
  const cases: [completion: string, expected: number][] = [
    ["", 0],
    ["<answer>8</answer>", 0],
    ['<answer>{"nodes": [</answer>', 0],
    ['<answer>{"result": 8}</answer>', 0],
    ['<answer>{"nodes": []}</answer>', 0.2],
    [graph({ id: "final_result", op: "add", args: ["n1", "n9"] }), 0.2],
    [graph(zero, { id: "final_result", op: "div", args: ["n1", "z"] }), 0.3],
    [graph({ id: "final_result", op: "sub", args: ["n1", "n2"] }), 0.5],
    [graph(right.nodes[2]), 1],
  ];
  for (const [completion, expected] of cases) assert.equal(score(completion), expected, completion);
  assert.equal(score(graph(right.nodes[2]), ""), null, "no reference");
});

Deno.test("computationalGraph() reads fenced graphs, and a whole completion without answer tags", () => {
  const fenced = "```json\n" + nodes(right.nodes[2]) + "\n```";
  assert.equal(score(`<answer>\n${fenced}\n</answer>`), 1);
  assert.equal(score(`The graph:\n${fenced}`), 1);
  assert.equal(score(nodes(right.nodes[2])), 1);
  assert.equal(score(`${nodes(right.nodes[2])}<answer>8</answer>`), 0, "the answer tags hold no graph");
});

Deno.test("computationalGraph() compares answers as numbers, without floating-point noise", () => {
  const tenths = JSON.stringify({
    nodes: [
      { id: "a", op: "const", val: 0.1 },
      { id: "b", op: "const", val: 0.2 },
      { id: "final_result", op: "add", args: ["a", "b"] },
    ],
  });
  assert.equal(score(tenths, "0.3"), 1);
  assert.equal(score(tenths, "$0.30"), 1);
  assert.equal(score(tenths, "0.31"), 0.5);
  const big = '{"nodes": [{"id": "final_result", "op": "const", "val": 1234567}]}';
  assert.equal(score(big, "1,234,567"), 1);
  assert.equal(judgeGraph(tenths, "1").answer, "0.3");
});

Deno.test("computationalGraph() points at the JSON with what it earned and what is wrong", () => {
  const of = (completion: string) => pointedAt(computationalGraph(), sampleOf(completion));
  assert.deepEqual(of(graph(right.nodes[2])), [[nodes(right.nodes[2]), "executes to 8, the reference"]]);
  const wrong = { id: "final_result", op: "sub", args: ["n1", "n2"] };
  assert.deepEqual(of(graph(wrong)), [[nodes(wrong), "executes, +0.5; 2 is not 8"]]);
  assert.deepEqual(of('<answer>{"nodes": []}</answer>'), [[
    '{"nodes": []}',
    "parses, +0.2; not valid: nodes must be a list with at least final_result, got []",
  ]]);
  assert.deepEqual(of("<answer>8</answer>"), []);
});
