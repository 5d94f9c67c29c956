/**
 * A solution as a computational graph, in DAGGER's format (R2; Nazi et al. 2026, "DAGGER: Distractor-Aware Graph Generation
 * for Executable Reasoning in Math Problems"): the numbers of a problem are constants, each step is an operation on earlier
 * nodes, and the node `final_result` is the answer. The order of the nodes is free.
 */
export interface Graph {
  /** In any order; arguments name others. */
  nodes: GraphNode[];
}

/** A number of the problem, or an operation on other nodes. */
export type GraphNode = ConstantNode | OperationNode;

/** What every node of a graph may say of itself. */
export interface NodeNotes {
  /** Unique in its graph. */
  id: string;
  /** What the number stands for, in words. */
  label?: string;
  /** The problem says it, the solution does not need it. */
  distractor?: boolean;
}

/** A number that the problem says. */
export interface ConstantNode extends NodeNotes {
  /** What tells it from an operation. */
  op: "const";
  /** Its value. */
  val: number;
}

/** A number computed from others. */
export interface OperationNode extends NodeNotes {
  /** What it computes. */
  op: GraphOperationName;
  /** Ids of the nodes that it works on, in order. */
  args: string[];
}

/** What a node can compute. */
export interface GraphOperation {
  /** Fewest and most arguments. */
  arity: [least: number, most: number];
  /** The result; a text says why there is none. */
  apply(args: number[]): number | string;
}

/** The id of the node that is the answer. */
export const answerId = "final_result";

/** Bounds that keep a graph from a model from taking long: characters of JSON, nodes, arguments of a node, length of an id. */
export const graphLimits = { characters: 100_000, nodes: 1000, args: 100, id: 60 } as const;

const many = graphLimits.args;

/** A whole number that floating-point arithmetic missed by a hair is meant. */
const snap = (x: number) =>
  Math.abs(x - Math.round(x)) <= 1e-9 * Math.max(1, Math.abs(x)) ? Math.round(x) : x;

const sum = (args: number[]) => args.reduce((total, x) => total + x, 0);

function gcdOf(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

function wholes(args: number[], fold: (a: number, b: number) => number): number | string {
  const whole = args.map(snap).map(Math.abs);
  const odd = whole.findIndex((x) => !Number.isSafeInteger(x));
  return odd < 0 ? whole.reduce(fold) : `needs whole numbers, got ${args[odd]}`;
}

const zero = "divides by 0";

/**
 * DAGGER's operations. `abs` of two is the absolute difference; `round` goes half away from 0; `mod` has the sign of its
 * second argument, as in Python.
 */
export const graphOperations = {
  add: { arity: [2, many], apply: sum },
  sub: { arity: [2, 2], apply: ([a, b]) => a - b },
  mul: { arity: [2, many], apply: (args) => args.reduce((product, x) => product * x, 1) },
  div: { arity: [2, 2], apply: ([a, b]) => b === 0 ? zero : a / b },
  sum: { arity: [1, many], apply: sum },
  mean: { arity: [1, many], apply: (args) => sum(args) / args.length },
  min: { arity: [1, many], apply: (args) => Math.min(...args) },
  max: { arity: [1, many], apply: (args) => Math.max(...args) },
  abs: { arity: [1, 2], apply: ([a, b = 0]) => Math.abs(a - b) },
  floor: { arity: [1, 1], apply: ([a]) => Math.floor(snap(a)) },
  ceil: { arity: [1, 1], apply: ([a]) => Math.ceil(snap(a)) },
  round: { arity: [1, 1], apply: ([a]) => Math.sign(a) * Math.floor(snap(Math.abs(a) + 0.5)) },
  sqrt: { arity: [1, 1], apply: ([a]) => a < 0 ? `takes the root of ${a}` : Math.sqrt(a) },
  pow: { arity: [2, 2], apply: ([a, b]) => a === 0 && b < 0 ? zero : a ** b },
  mod: { arity: [2, 2], apply: ([a, b]) => b === 0 ? zero : a - b * Math.floor(a / b) },
  gcd: { arity: [2, many], apply: (args) => wholes(args, gcdOf) },
  lcm: {
    arity: [2, many],
    apply: (args) => wholes(args, (a, b) => a === 0 || b === 0 ? 0 : a / gcdOf(a, b) * b),
  },
  identity: { arity: [1, 1], apply: ([a]) => a },
} as const satisfies Record<string, GraphOperation>;

/** The name of an operation. */
export type GraphOperationName = keyof typeof graphOperations;

/** An operation by its name, `undefined` for any other text. */
export function graphOperation(name: string): GraphOperation | undefined {
  return Object.hasOwn(graphOperations, name) ? graphOperations[name as GraphOperationName] : undefined;
}
