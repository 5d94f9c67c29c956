import { checkGraph } from "./check_graph.ts";
import { answerId, type Graph, graphOperations } from "./graph.ts";
import { GraphError } from "./graph_error.ts";

/** What a graph comes to. */
export interface GraphResult {
  /** The value of `final_result`. */
  answer: number;
  /** The value of every node that the answer needs, in the order in which they were worked out. */
  values: Map<string, number>;
}

/**
 * Works a graph out, in 64-bit floating point. Only the nodes that the answer needs are computed, so a distractor cannot fail it; time
 * is linear in the nodes and their arguments, and a chain of any depth takes no call stack.
 *
 * @throws {GraphError} when the graph is not valid (every problem), or a node has no finite value: a division by 0, the root of
 * a negative number, an overflow
 * @example
 * ```ts
 * import { executeGraph } from "./execute_graph.ts";
 * executeGraph({
 *   nodes: [
 *     { id: "n1", op: "const", val: 48 },
 *     { id: "n2", op: "const", val: 2 },
 *     { id: "final_result", op: "div", args: ["n1", "n2"] },
 *   ],
 * }).answer; // 24
 * ```
 */
export function executeGraph(graph: Graph): GraphResult {
  const problems = checkGraph(graph);
  if (problems.length > 0) throw new GraphError("the graph", problems);
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const values = new Map<string, number>(), waiting = [answerId];
  while (waiting.length > 0) {
    const id = waiting[waiting.length - 1], node = nodes.get(id)!;
    if (values.has(id)) {
      waiting.pop();
      continue;
    }
    if (node.op === "const") {
      values.set(id, node.val);
      continue;
    }
    const missing = node.args.filter((arg) => !values.has(arg));
    if (missing.length > 0) {
      waiting.push(...new Set(missing));
      continue;
    }
    const result = graphOperations[node.op].apply(node.args.map((arg) => values.get(arg)!));
    if (typeof result === "string") {
      throw new GraphError("executing the graph", [`${id}: ${node.op} ${result}`]);
    }
    if (!Number.isFinite(result)) {
      throw new GraphError("executing the graph", [`${id}: ${node.op} gives ${result}, no finite number`]);
    }
    values.set(id, result === 0 ? 0 : result);
  }
  return { answer: values.get(answerId)!, values };
}
