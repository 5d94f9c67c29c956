import assert from "node:assert/strict";
import { z } from "zod";
import { checkGraph } from "../../lib/graph/check_graph.ts";
import { executeGraph } from "../../lib/graph/execute_graph.ts";
import { findGraph } from "../../lib/graph/find_graph.ts";
import { graphJsonSchema } from "../../lib/graph/graph_json_schema.ts";
import { type Graph, graphLimits, type GraphNode, graphOperations } from "../../lib/graph/graph.ts";
import { GraphError } from "../../lib/graph/graph_error.ts";

const constant = (id: string, val: number): GraphNode => ({ id, op: "const", val });
const graphOf = (...nodes: unknown[]) => ({ nodes }) as Graph;
const answer = (op: string, ...values: number[]) =>
  executeGraph(graphOf(
    ...values.map((value, i) => constant(`n${i}`, value)),
    { id: "final_result", op, args: values.map((_, i) => `n${i}`) },
  )).answer;

/** The example of DAGGER's prompt in small: a distractor, labels, an identity. */
const dagger = graphOf(
  { id: "n1", op: "const", val: 20, distractor: false, label: "sheep in Seattle" },
  { id: "n2", op: "const", val: 4, distractor: false, label: "times" },
  { id: "n3", op: "mul", args: ["n1", "n2"], distractor: false },
  { id: "n6", op: "const", val: 100, distractor: true, label: "sheep in Pasadena" },
  { id: "total", op: "sum", args: ["n1", "n3"], distractor: false },
  { id: "final_result", op: "identity", args: ["total"], distractor: false },
);

Deno.test("executeGraph() works out DAGGER's kind of graph, whatever the order of its nodes", () => {
  assert.deepEqual(checkGraph(dagger), []);
  const { answer, values } = executeGraph(dagger);
  assert.equal(answer, 100);
  assert.deepEqual(Object.fromEntries(values), { n1: 20, n2: 4, n3: 80, total: 100, final_result: 100 });
  assert.equal(executeGraph({ nodes: dagger.nodes.toReversed() }).answer, 100);
});

Deno.test("executeGraph() computes every operation", () => {
  const cases: [op: string, args: number[], expected: number][] = [
    ["add", [1, 2, 3], 6],
    ["sub", [5, 8], -3],
    ["mul", [2, 3, 4], 24],
    ["div", [7, 2], 3.5],
    ["sum", [4], 4],
    ["mean", [1, 2, 6], 3],
    ["min", [3, -1, 2], -1],
    ["max", [3, -1, 2], 3],
    ["abs", [-4], 4],
    ["abs", [3, 10], 7],
    ["floor", [2.7], 2],
    ["floor", [-2.1], -3],
    ["floor", [0.1 * 3 * 10], 3],
    ["ceil", [2.1], 3],
    ["ceil", [1.1 * 1.1 * 100], 121],
    ["round", [2.5], 3],
    ["round", [-2.5], -3],
    ["round", [2.4], 2],
    ["sqrt", [2.25], 1.5],
    ["pow", [2, 10], 1024],
    ["mod", [7, 3], 1],
    ["mod", [-7, 3], 2],
    ["gcd", [12, 18], 6],
    ["gcd", [0, 5], 5],
    ["lcm", [4, 6, 10], 60],
    ["lcm", [0, 6], 0],
    ["identity", [-0], 0],
  ];
  for (const [op, args, expected] of cases) {
    const got = answer(op, ...args);
    assert.ok(Object.is(got, expected), `${op}(${args}) is ${got}, not ${expected}`);
  }
  assert.deepEqual(
    new Set(cases.map(([op]) => op)),
    new Set(Object.keys(graphOperations)),
    "every operation",
  );
});

Deno.test("executeGraph() says which node has no value and why", () => {
  const cases: [op: string, args: number[], reason: RegExp][] = [
    ["sqrt", [-1], /final_result: sqrt takes the root of -1/],
    ["pow", [0, -1], /final_result: pow divides by 0/],
    ["pow", [-8, 1 / 3], /final_result: pow gives NaN, no finite number/],
    ["mul", [1e200, 1e200], /final_result: mul gives Infinity/],
    ["gcd", [1.5, 2], /final_result: gcd needs whole numbers, got 1\.5/],
  ];
  for (const [op, args, reason] of cases) {
    assert.throws(() => answer(op, ...args), reason);
  }
  const computedZero = graphOf(
    constant("a", 3),
    { id: "zero", op: "sub", args: ["a", "a"] },
    { id: "final_result", op: "div", args: ["a", "zero"] },
  );
  assert.deepEqual(checkGraph(computedZero), []);
  assert.throws(() => executeGraph(computedZero), {
    name: "GraphError",
    problems: ["final_result: div divides by 0"],
  });
});

Deno.test("executeGraph() leaves a broken sum that the answer does not need alone", () => {
  assert.equal(
    executeGraph(graphOf(
      constant("a", 3),
      { id: "zero", op: "sub", args: ["a", "a"] },
      { id: "aside", op: "div", args: ["a", "zero"], distractor: true },
      { id: "final_result", op: "identity", args: ["a"] },
    )).answer,
    3,
  );
});

Deno.test("executeGraph() takes the longest chain and the widest graph without the call stack", () => {
  const last = graphLimits.nodes - 2;
  const chain = Array.from(
    { length: last },
    (_, i) => ({ id: `c${i}`, op: "add", args: [`c${i - 1}`, "one"] }),
  );
  chain[0] = constant("c0", 0) as never;
  // Written from the answer backwards, so that nothing is known when it is met.
  const deep = graphOf(
    { id: "final_result", op: "identity", args: [`c${last - 1}`] },
    ...chain.toReversed(),
    constant("one", 1),
  );
  assert.equal(executeGraph(deep).answer, last - 1);
  // Each node uses the one before a hundred times: 100^n paths, n·100 edges.
  const wide = Array.from({ length: 50 }, (_, i) => ({
    id: `w${i}`,
    op: i === 0 ? "max" : "mean",
    args: Array(100).fill(i === 0 ? "one" : `w${i - 1}`),
  }));
  assert.equal(
    executeGraph(graphOf(constant("one", 1), ...wide, { id: "final_result", op: "identity", args: ["w49"] }))
      .answer,
    1,
  );
});

Deno.test("checkGraph() names every problem at once, each with its node", () => {
  const graph = graphOf(
    constant("n1", 8),
    constant("n1", 9),
    constant("zero", 0),
    { id: "n2", op: "plus", args: ["n1", "n1"] },
    { id: "n3", op: "sub", args: ["n1"] },
    { id: "n4", op: "add", args: ["n1", "n9", 5] },
    { id: "n5", op: "div", args: ["n1", "zero"] },
    { id: "n6", op: "add", args: ["n7", "n1"] },
    { id: "n7", op: "add", args: ["n6", "n7"] },
    { id: "", op: "const", val: "8" },
    { id: "n8", op: "const", value: 3, args: ["n1"] },
    7,
    { id: "n10", op: "sqrt", val: 2 },
    { id: "n11", op: "identity", args: ["n1"], label: 3, distractor: "no" },
    { id: "x", op: "subb", args: ["n1", "n1"] },
  );
  assert.deepEqual(checkGraph(graph), [
    'nodes[3] n2: unknown operation "plus"; known: const, ' + Object.keys(graphOperations).join(", "),
    "nodes[4] n3: sub takes 2 arguments, got 1",
    'nodes[9]: id must be a text of 1 to 60 characters, got ""',
    'nodes[9]: val of a const must be a number, got "8"',
    'nodes[10] n8: "value" is no key of a node',
    "nodes[10] n8: val of a const must be a number, got nothing",
    'nodes[10] n8: a const takes no arguments, got ["n1"]',
    "nodes[11] must be an object with id and op, got 7",
    'nodes[12] n10: val belongs to a const, not to "sqrt"',
    "nodes[12] n10: args must be a list of node ids, got nothing",
    "nodes[13] n11: label must be a text, got 3",
    'nodes[13] n11: distractor must be true or false, got "no"',
    'nodes[14] x: unknown operation "subb"; did you mean sub?',
    "nodes[1] n1: id n1 is taken by nodes[0]",
    'nodes[5] n4: unknown node "n9"; did you mean n1?',
    "nodes[5] n4: args must be node ids, got 5; make a number a const",
    "nodes[6] n5: div divides by zero, which is 0",
    "no node final_result: one must be the answer",
    "cycle: n6 → n7 → n6",
    "cycle: n7 → n7",
  ]);
});

Deno.test("checkGraph() refuses what is no graph, and one past the limits", () => {
  const first = (value: unknown) => checkGraph(value)[0];
  for (const value of [null, 8, "x", []]) assert.match(first(value), /must be an object with `nodes`/);
  for (const value of [{}, { nodes: [] }, { nodes: {} }]) assert.match(first(value), /at least final_result/);
  assert.match(first({ nodes: [constant("final_result", 1)], answer: 1 }), /"answer" is no key of a graph/);
  const many = Array.from({ length: 1001 }, (_, i) => constant(`n${i}`, i));
  assert.match(first({ nodes: many }), /at most 1000 nodes, got 1001/);
  const wide = { id: "final_result", op: "add", args: Array(101).fill("a") };
  assert.match(first({ nodes: [constant("a", 1), wide] }), /add takes at least 2 arguments, got 101/);
  const poor = checkGraph({ nodes: Array(200).fill({}) });
  assert.equal(poor.length, 51);
  assert.equal(poor.at(-1), "and more");
  assert.deepEqual(checkGraph({ nodes: [constant("final_result", 1), constant("__proto__", 1)] }), []);
  assert.deepEqual(
    checkGraph({ nodes: [{ id: "final_result", op: "toString", args: [] }] })[0].slice(0, 60),
    'nodes[0] final_result: unknown operation "toString"; known: ',
  );
});

Deno.test("checkGraph() comes to an end on graphs that would take quadratic work hours", () => {
  const ids = Array.from({ length: 1000 }, (_, i) => `${"n".repeat(50)}${i}`);
  const hostile: Record<string, unknown[]> = {
    "every node on every other": ids.map((id, i) => ({
      id,
      op: "add",
      args: Array.from({ length: 100 }, (_, k) => ids[(i + k + 1) % ids.length]),
    })),
    "unknown nodes only": ids.map((id) => ({ id, op: "add", args: Array(100).fill(`${id}x`) })),
    "one ring": ids.map((id, i) => ({ id, op: "abs", args: [ids[(i + 1) % ids.length]] })),
  };
  for (const [name, nodes] of Object.entries(hostile)) {
    const problems = checkGraph({ nodes });
    assert.ok(problems.length > 0 && problems.length <= 51, name);
    assert.ok(problems.every((problem) => problem.length < 1000), name);
  }
});

Deno.test("findGraph() reads a fenced block, else the outermost braces", () => {
  const json = '{"nodes": []}';
  assert.deepEqual(findGraph(json), { start: 0, end: 13, value: { nodes: [] } });
  assert.deepEqual(findGraph(`Here: ${json}. Done.`)?.start, 6);
  const fenced = "First {not this}.\n```json\n" + json + "\n```\nand {not that}";
  const found = findGraph(fenced)!;
  assert.equal(fenced.slice(found.start, found.end), json);
  assert.deepEqual(findGraph("```\n" + json + "\n```")?.value, { nodes: [] });
  assert.deepEqual(findGraph("```json\n" + json)?.value, { nodes: [] }, "a fence that never closes");
  for (
    const text of ["", "8", "[]", "{}", "{", "}{", '{"nodes": [}', "```json\n8\n```", '{"nodes": [1]', "null"]
  ) {
    assert.equal(findGraph(text), null, text);
  }
  assert.equal(findGraph(`{"nodes": [${"1,".repeat(60_000)}1]}`), null, "past the limit");
  assert.equal(findGraph(`{"nodes": ${"[".repeat(49_000)}${"]".repeat(49_000)}}`)?.start, 0, "deeply nested");
});

Deno.test("data/configs/graph.schema.json is what the operations say, and agrees with checkGraph()", async () => {
  const path = new URL("../../data/configs/graph.schema.json", import.meta.url);
  const committed = JSON.parse(await Deno.readTextFile(path));
  assert.deepEqual(committed, JSON.parse(JSON.stringify(graphJsonSchema())));
  const schema = z.fromJSONSchema(committed);
  const cases: [graph: unknown, valid: boolean][] = [
    [dagger, true],
    [graphOf(constant("final_result", 1)), true],
    [graphOf({ id: "final_result", op: "const" }), false],
    [graphOf(constant("a", 1), { id: "final_result", op: "sqrt", args: ["a", "a"] }), false],
    [graphOf(constant("a", 1), { id: "final_result", op: "sub", args: ["a", "a"] }), true],
    [graphOf(constant("a", 1), { id: "final_result", op: "sub", args: ["a"] }), false],
    [graphOf(constant("a", 1), { id: "final_result", op: "plus", args: ["a", "a"] }), false],
    [graphOf({ ...constant("final_result", 1), colour: "red" }), false],
    [{ nodes: [] }, false],
    [{ nodes: [constant("final_result", 1)], answer: 1 }, false],
    [[], false],
  ];
  for (const [graph, valid] of cases) {
    assert.equal(checkGraph(graph).length === 0, valid, JSON.stringify(graph));
    assert.equal(schema.safeParse(graph).success, valid, JSON.stringify(graph));
  }
});

Deno.test("GraphError lists its problems", () => {
  assert.throws(() => executeGraph({ nodes: [] }), GraphError);
  assert.equal(
    new GraphError("the graph", ["a", "b"]).message,
    "the graph: 2 problems\n  a\n  b",
  );
});
