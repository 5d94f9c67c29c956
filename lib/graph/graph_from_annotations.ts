import { answerId, type Graph, type GraphNode, type GraphOperationName, graphOperations } from "./graph.ts";

/** A graph, or why there is none. */
export type GraphConversion = { graph: Graph } | { graph: null; reason: string };

const precedence: Record<string, number> = { "+": 1, "-": 1, "*": 2, "/": 2 };
const operation: Record<string, GraphOperationName> = { "+": "add", "-": "sub", "*": "mul", "/": "div" };

const close = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));

/** A text that is no calculation; its message is the reason. */
class Unreadable extends Error {}

/** Grows a graph calculation by calculation, and knows what each node is worth. */
class Builder {
  readonly nodes: GraphNode[] = [];
  readonly values = new Map<string, number>();
  private readonly constants = new Map<number, string>();
  /** What the solution says that each calculation gave, the newest last. */
  private readonly results: { value: number; id: string }[] = [];

  constant(val: number): string {
    const known = this.constants.get(val), id = known ?? `n${this.nodes.length + 1}`;
    if (known === undefined) {
      this.nodes.push({ id, op: "const", val });
      this.constants.set(val, id);
      this.values.set(id, val);
    }
    return id;
  }

  apply(op: GraphOperationName, ...args: string[]): string {
    const value = graphOperations[op].apply(args.map((arg) => this.values.get(arg)!));
    if (typeof value === "string" || !Number.isFinite(value)) throw new Unreadable(`${op} gives ${value}`);
    const id = `n${this.nodes.length + 1}`;
    this.nodes.push({ id, op, args });
    this.values.set(id, value);
    return id;
  }

  /** `2*(48+24)` as nodes, by operator precedence; a number that an earlier calculation gave is that calculation. */
  expression(text: string): string {
    const operands: string[] = [], waiting: string[] = [];
    const reduce = () => {
      const sign = waiting.pop()!, right = operands.pop(), left = operands.pop();
      if (!Object.hasOwn(operation, sign) || left === undefined || right === undefined) {
        throw new Unreadable(`cannot read ${text}`);
      }
      operands.push(this.apply(operation[sign], left, right));
    };
    let operandNext = true;
    for (const [token] of text.matchAll(/\d+\.?\d*|\.\d+|\S/g)) {
      if (/[\d.]/.test(token) && operandNext && Number.isFinite(Number(token))) {
        const value = Number(token);
        operands.push(this.results.findLast((result) => result.value === value)?.id ?? this.constant(value));
        operandNext = false;
      } else if (token === "(" && operandNext) waiting.push(token);
      else if (token === "-" && operandNext) {
        operands.push(this.constant(0));
        waiting.push(token);
      } else if (token === "+" && operandNext) continue;
      else if (token === ")" && !operandNext) {
        while (waiting.length > 0 && waiting.at(-1) !== "(") reduce();
        if (waiting.pop() !== "(") throw new Unreadable(`cannot read ${text}`);
      } else if (token in precedence && !operandNext) {
        while (precedence[waiting.at(-1) ?? ""] >= precedence[token]) reduce();
        waiting.push(token);
        operandNext = true;
      } else throw new Unreadable(`cannot read ${text}`);
    }
    while (waiting.length > 0) reduce();
    if (operandNext || operands.length !== 1) throw new Unreadable(`cannot read ${text}`);
    return operands[0];
  }

  /** Notes what a calculation gave, for later ones to refer to. */
  state(id: string, annotation: string, claim: string): void {
    const exact = this.values.get(id)!;
    if (claim === "" || !close(exact, Number(claim))) {
      throw new Unreadable(`${annotation} is wrong: ${exact}`);
    }
    this.results.push({ value: Number(claim), id });
  }

  /** The newest result that is worth `value`. */
  result(value: number): string | undefined {
    return this.results.findLast(({ id }) => close(this.values.get(id)!, value))?.id;
  }
}

/** The nodes that `id` needs, numbered anew, and the answer. */
function graphOf(nodes: GraphNode[], id: string): Graph {
  const byId = new Map(nodes.map((node) => [node.id, node])), needed = new Set<string>(), waiting = [id];
  while (waiting.length > 0) {
    const node = byId.get(waiting.pop()!)!;
    if (needed.has(node.id)) continue;
    needed.add(node.id);
    if (node.op !== "const") waiting.push(...node.args);
  }
  const kept = nodes.filter((node) => needed.has(node.id));
  const names = new Map(kept.map((node, i) => [node.id, `n${i + 1}`]));
  const renamed = kept.map((node): GraphNode =>
    node.op === "const"
      ? { ...node, id: names.get(node.id)! }
      : { ...node, id: names.get(node.id)!, args: node.args.map((arg) => names.get(arg)!) }
  );
  return { nodes: [...renamed, { id: answerId, op: "identity", args: [names.get(id)!] }] };
}

/**
 * Converts a worked solution with GSM8K's calculator annotations (`<<48/2=24>>`; Cobbe et al. 2021, "Training Verifiers to Solve
 * Math Word Problems") into a graph whose answer is the reference.
 *
 * Each annotation becomes operations. A number that an earlier annotation gave refers to the newest such result, any other
 * is a constant, one a value. The answer is the newest result that is worth the reference, and nodes that it does not need are
 * left out. GSM8K's annotations are a calculator's and exact, so one that is not (`<<50/60=0.83>>`) is refused.
 *
 * @param solution The solution's text with its annotations.
 * @returns The graph, or `null` with the reason: no annotation, one that cannot be read or is wrong, none that gives the reference.
 * @example
 * ```ts
 * import { graphFromAnnotations } from "./graph_from_annotations.ts";
 * graphFromAnnotations("48/2 = <<48/2=24>>24 in May, <<48+24=72>>72 in all.", "72").graph?.nodes.at(-2);
 * // { id: "n4", op: "add", args: ["n1", "n3"] }
 * ```
 */
export function graphFromAnnotations(solution: string, reference: string): GraphConversion {
  const target = Number(reference.replace(/[$,\s]/g, "")), builder = new Builder();
  if (reference.trim() === "" || !Number.isFinite(target)) {
    return { graph: null, reason: `the reference ${reference} is no number` };
  }
  const annotations = [...solution.matchAll(/<<([^<>]*)>>/g)].map(([, text]) => text);
  if (annotations.length === 0) return { graph: null, reason: "no calculator annotation" };
  try {
    for (const annotation of annotations) {
      const sides = annotation.split("=").map((side) => side.trim());
      if (sides.length < 2) throw new Unreadable(`cannot read ${annotation}`);
      builder.state(builder.expression(sides[0]), annotation, sides.at(-1)!);
    }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { graph: null, reason: error.message };
  }
  const id = builder.result(target);
  return id === undefined
    ? { graph: null, reason: `no annotation gives the reference ${reference}` }
    : { graph: graphOf(builder.nodes, id) };
}
