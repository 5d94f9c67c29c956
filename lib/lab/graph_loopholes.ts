import { asProblems } from "../data/as_problems.ts";
import type { Problem } from "../data/problem.ts";
import { executeGraph } from "../graph/execute_graph.ts";
import { answerId, type Graph } from "../graph/graph.ts";
import { problemGraph } from "../graph/problem_graph.ts";
import { answersMatch } from "../answers/answers_match.ts";
import type { LoopholeList } from "./loopholes.ts";

const written = (graph: unknown) =>
  `<answer>${typeof graph === "string" ? graph : JSON.stringify(graph)}</answer>`;

/** The graph with one of the problem's numbers misread, so that it computes something else. */
function misread({ nodes }: Graph, answer: string): Graph | null {
  for (const [i, node] of nodes.entries()) {
    if (node.op !== "const") continue;
    const graph = { nodes: nodes.with(i, { ...node, val: node.val + 1 }) };
    try {
      if (!answersMatch(String(executeGraph(graph).answer), answer)) return graph;
    } catch {
      continue; // misread so that it divides by zero: the next number then
    }
  }
  return null;
}

/**
 * Degenerate completions for a problem whose answer is to be a computational graph (R2): graphs that are empty, endless, circular or
 * beside the point. The honest ones are the problem's own graph, and the same with a number misread.
 *
 * @throws {RangeError} when the problem knows no graph that computes its answer from its numbers
 * @example
 * ```ts
 * import { generateProblems } from "../../mod.ts";
 * import { graphLoopholes } from "./graph_loopholes.ts";
 * const [problem] = generateProblems({ count: 1, seed: 1 });
 * graphLoopholes(problem).loopholes[0].name; // "no graph"
 * ```
 */
export function graphLoopholes(given: Problem): LoopholeList {
  const [problem] = asProblems([given], "graphLoopholes"),
    graph = problemGraph(problem),
    { answer, question } = problem,
    wrong = graph && misread(graph, answer);
  if (!graph || !wrong) {
    throw new RangeError(
      `graphLoopholes() needs a problem with a graph that computes its answer, got none for "${question}"`,
    );
  }
  const { answer: guess } = executeGraph(wrong),
    constant = (val: number) => ({ nodes: [{ id: answerId, op: "const", val }] });
  const result = (op: string, ...args: string[]) => ({ id: answerId, op, args });
  const padding = Array.from(
    { length: 300 },
    (_, i) => ({ id: `x${i}`, op: "const", val: i, distractor: true }),
  );
  const blind: [string, string][] = [
    ["no graph", ""],
    ["a bare number", written(String(guess))],
    ["JSON that is no graph", written({ answer: guess })],
    ["a graph without nodes", written({ nodes: [] })],
    ["a graph never closed", written('{"nodes": [')],
    ["no final result", written({ nodes: graph.nodes.filter(({ id }) => id !== answerId) })],
    [
      "a circle",
      written({ nodes: [{ id: "a", op: "add", args: [answerId, answerId] }, result("identity", "a")] }),
    ],
    [
      "an unknown operation",
      written({ nodes: [...constant(1).nodes, { id: "a", op: "answer", args: [answerId] }] }),
    ],
    ["a division by zero", written({ nodes: [{ id: "a", op: "const", val: 0 }, result("div", "a", "a")] })],
    ["the guess as a constant", written(constant(guess))],
    ["the guess, many times", written(constant(guess)).repeat(20)],
    ["the guess among 300 idle nodes", written({ nodes: [...padding, ...constant(guess).nodes] })],
    ["the schema echoed", written('{"nodes": [{"id": "final_result", "op": "...", "args": ["..."]}]}')],
    ["the prompt echoed", written(question)],
  ];
  const knowing: [string, string][] = [
    ["the right answer as a bare number", written(answer)],
    ["the right answer as a constant", written(constant(executeGraph(graph).answer))],
    [
      "the right answer among 300 idle nodes",
      written({
        nodes: [...padding, ...constant(executeGraph(graph).answer).nodes],
      }),
    ],
  ];
  return {
    honest: { right: written(graph), wrong: written(wrong) },
    loopholes: [
      ...blind.map(([name, completion]) => ({ name, completion, knows: false })),
      ...knowing.map(([name, completion]) => ({ name, completion, knows: true })),
    ],
  };
}
