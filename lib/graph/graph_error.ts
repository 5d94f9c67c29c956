import { PlainError } from "../display/plain_error.ts";

/**
 * A graph that breaks rules, or that cannot be worked out: every problem at once, each with its node.
 *
 * @example
 * ```ts
 * import { GraphError } from "./graph_error.ts";
 * new GraphError("executing the graph", ["n3: div divides by 0"]).message;
 * // executing the graph: 1 problem
 * //   n3: div divides by 0
 * ```
 */
export class GraphError extends PlainError {
  /** What tells it from other errors. */
  override readonly name = "GraphError";
  /** Everything that is wrong, a sentence each. */
  readonly problems: string[];

  /** Names what was being read or executed, and its problems. */
  constructor(what: string, problems: string[]) {
    super(
      `${what}: ${problems.length} problem${problems.length === 1 ? "" : "s"}\n  ${problems.join("\n  ")}`,
    );
    this.problems = problems;
  }
}
