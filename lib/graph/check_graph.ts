import { nearest } from "../options/nearest.ts";
import { answerId, graphLimits, graphOperation, graphOperations } from "./graph.ts";

type Loose = Record<string, unknown>;

/** More would not help anyone, and cost time on a hostile graph. */
const mostProblems = 50;

/** Among more ids than this none is suggested. */
const mostSuggestions = 50;

const isObject = (value: unknown): value is Loose =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const shown = (value: unknown) => {
  const text = value === undefined ? "nothing" : JSON.stringify(value) ?? String(value);
  return text.length > 40 ? text.slice(0, 39) + "…" : text;
};

const isId = (value: unknown): value is string =>
  typeof value === "string" && value !== "" && value.length <= graphLimits.id;

const plural = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`;

function arityText([least, most]: readonly [number, number]): string {
  if (least === most) return plural(least, "argument");
  return most === graphLimits.args
    ? `at least ${plural(least, "argument")}`
    : `${least} to ${most} arguments`;
}

/** What is wrong with a node by itself; `name` is how problems call it. */
function* nodeProblems(node: Loose, name: string): Generator<string> {
  const { id, op, val, args, label, distractor } = node;
  if (!isId(id)) yield `${name}: id must be a text of 1 to ${graphLimits.id} characters, got ${shown(id)}`;
  for (const key of Object.keys(node)) {
    if (!["id", "op", "val", "args", "label", "distractor"].includes(key)) {
      const meant = nearest(key, ["id", "op", "val", "args", "label", "distractor"]);
      yield `${name}: ${shown(key)} is no key of a node${meant ? `; did you mean ${meant}?` : ""}`;
    }
  }
  if (label !== undefined && typeof label !== "string") {
    yield `${name}: label must be a text, got ${shown(label)}`;
  }
  if (distractor !== undefined && typeof distractor !== "boolean") {
    yield `${name}: distractor must be true or false, got ${shown(distractor)}`;
  }
  if (op === "const") {
    if (typeof val !== "number" || !Number.isFinite(val)) {
      yield `${name}: val of a const must be a number, got ${shown(val)}`;
    }
    if (args !== undefined) {
      yield `${name}: a const takes no arguments, got ${shown(args)}`;
    }
    return;
  }
  const operation = typeof op === "string" ? graphOperation(op) : undefined;
  if (!operation) {
    const known = ["const", ...Object.keys(graphOperations)];
    const meant = typeof op === "string" ? nearest(op, known) : undefined;
    yield `${name}: unknown operation ${shown(op)}${
      meant ? `; did you mean ${meant}?` : `; known: ${known.join(", ")}`
    }`;
  }
  if (val !== undefined) yield `${name}: val belongs to a const, not to ${shown(op)}`;
  if (!Array.isArray(args)) {
    yield `${name}: args must be a list of node ids, got ${shown(args)}`;
  } else if (operation && (args.length < operation.arity[0] || args.length > operation.arity[1])) {
    yield `${name}: ${op} takes ${arityText(operation.arity)}, got ${args.length}`;
  }
}

/** What is wrong between nodes: duplicate and unknown ids, no answer, division by a constant 0. */
function* edgeProblems(nodes: Loose[], named: (index: number) => string): Generator<string> {
  const first = new Map<string, number>();
  for (const [index, { id }] of nodes.entries()) {
    if (!isId(id)) continue;
    if (first.has(id)) yield `${named(index)}: id ${id} is taken by nodes[${first.get(id)}]`;
    else first.set(id, index);
  }
  for (const [index, { op, args }] of nodes.entries()) {
    if (!Array.isArray(args)) continue;
    for (const arg of args.slice(0, graphLimits.args)) {
      if (typeof arg === "string" && first.has(arg)) continue;
      const few = first.size <= mostSuggestions;
      const meant = typeof arg === "string" && few ? nearest(arg, first.keys()) : undefined;
      yield typeof arg === "string"
        ? `${named(index)}: unknown node ${shown(arg)}${meant ? `; did you mean ${meant}?` : ""}`
        : `${named(index)}: args must be node ids, got ${shown(arg)}; make a number a const`;
    }
    const divisor = nodes[first.get(args[1] as string) ?? -1];
    if ((op === "div" || op === "mod") && divisor?.op === "const" && divisor.val === 0) {
      yield `${named(index)}: ${op} divides by ${args[1]}, which is 0`;
    }
  }
  if (!first.has(answerId)) yield `no node ${answerId}: one must be the answer`;
}

/** A cycle for each argument that closes one, as the ids on it. */
function* cycles(nodes: Loose[]): Generator<string[]> {
  const args = new Map<string, string[]>();
  for (const { id, args: list } of nodes) {
    if (isId(id) && !args.has(id)) args.set(id, Array.isArray(list) ? list.filter(isId) : []);
  }
  const done = new Set<string>();
  for (const root of args.keys()) {
    // A depth-first walk with its own stack: chains are longer than the call stack is deep.
    const path: { id: string; next: number }[] = [], at = new Map<string, number>();
    const enter = (id: string) => {
      at.set(id, path.length);
      path.push({ id, next: 0 });
    };
    if (!done.has(root)) enter(root);
    while (path.length > 0) {
      const top = path[path.length - 1], list = args.get(top.id)!;
      if (top.next === list.length) {
        done.add(top.id);
        at.delete(top.id);
        path.pop();
        continue;
      }
      const arg = list[top.next++];
      if (at.has(arg)) yield [...path.slice(at.get(arg)).map(({ id }) => id), arg];
      else if (args.has(arg) && !done.has(arg)) enter(arg);
    }
  }
}

function* graphProblems({ nodes, ...rest }: { nodes: unknown[] }): Generator<string> {
  for (const key of Object.keys(rest)) yield `${shown(key)} is no key of a graph, which has \`nodes\` only`;
  const loose = nodes.map((node) => isObject(node) ? node : {});
  const named = (index: number) =>
    isId(loose[index].id) ? `nodes[${index}] ${loose[index].id}` : `nodes[${index}]`;
  for (const [index, node] of nodes.entries()) {
    if (!isObject(node)) yield `nodes[${index}] must be an object with id and op, got ${shown(node)}`;
    else yield* nodeProblems(node, named(index));
  }
  yield* edgeProblems(loose, named);
  for (const cycle of cycles(loose)) {
    const ids = cycle.length > 12 ? [...cycle.slice(0, 6), "…", ...cycle.slice(-5)] : cycle;
    yield `cycle: ${ids.join(" → ")}`;
  }
}

/**
 * Everything that is wrong with a graph, each problem with its node; an empty list means that the graph is valid.
 *
 * Checked: keys and types, known operations and their number of arguments, unique ids, arguments that are nodes, no cycle,
 * no division by a constant 0, an answer node, and {@linkcode graphLimits}. A division by a computed 0 shows in `executeGraph`.
 *
 * @param graph Anything, such as JSON from a model.
 * @example
 * ```ts
 * import { checkGraph } from "./check_graph.ts";
 * checkGraph({ nodes: [{ id: "final_result", op: "sub", args: ["n1", "final_result"] }] });
 * // ["nodes[0] final_result: unknown node \"n1\"", "cycle: final_result → final_result"]
 * ```
 */
export function checkGraph(graph: unknown): string[] {
  if (!isObject(graph)) return [`a graph must be an object with \`nodes\`, got ${shown(graph)}`];
  const { nodes } = graph;
  if (!Array.isArray(nodes) || nodes.length === 0) {
    return [`nodes must be a list with at least ${answerId}, got ${shown(nodes)}`];
  }
  if (nodes.length > graphLimits.nodes) {
    return [`a graph has at most ${graphLimits.nodes} nodes, got ${nodes.length}`];
  }
  const problems: string[] = [];
  for (const problem of graphProblems({ ...graph, nodes })) {
    if (problems.length === mostProblems) return [...problems, "and more"];
    problems.push(problem);
  }
  return problems;
}
