import type { Calculation } from "../answers/arithmetic.ts";
import type { Problem } from "../data/problem.ts";
import { checkGraph } from "./check_graph.ts";
import { answerId, type Graph, type GraphNode } from "./graph.ts";

const operations = { "+": "add", "-": "sub", "×": "mul", "÷": "div" } as const;

const isChain = (value: unknown): value is Calculation[] =>
  Array.isArray(value) && value.length > 0 && value.every((step) => step !== null && "operator" in step);

/** A chain of calculations, each on the result of the one before. */
function graphOfChain(chain: Calculation[]): Graph {
  const nodes: GraphNode[] = [];
  const add = (
    node: { op: "const"; val: number } | { op: "add" | "sub" | "mul" | "div"; args: string[] },
  ) => {
    const id = `n${nodes.length + 1}`;
    nodes.push({ id, ...node });
    return id;
  };
  let last = add({ op: "const", val: chain[0].left });
  for (const { operator, right } of chain) {
    const by = add({ op: "const", val: right });
    last = operator === "%"
      ? add({
        op: "div",
        args: [add({ op: "mul", args: [last, by] }), add({ op: "const", val: 100 })],
      })
      : add({ op: operations[operator], args: [last, by] });
  }
  return { nodes: [...nodes, { id: answerId, op: "identity", args: [last] }] };
}

/**
 * The computational graph of a problem's solution, where the problem knows it: its own, or that of a generated problem's chain of
 * calculations. What R2's demonstrations show.
 *
 * @example
 * ```ts
 * import { generateProblems } from "../../mod.ts";
 * import { executeGraph } from "./execute_graph.ts";
 * import { problemGraph } from "./problem_graph.ts";
 * const [problem] = generateProblems({ count: 1 });
 * executeGraph(problemGraph(problem)!).answer === Number(problem.answer); // true
 * ```
 */
export function problemGraph({ graph }: Problem): Graph | null {
  if (isChain(graph)) return graphOfChain(graph);
  return graph !== undefined && checkGraph(graph).length === 0 ? graph as Graph : null;
}
