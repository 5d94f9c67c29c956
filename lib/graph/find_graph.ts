import { graphLimits } from "./graph.ts";

/** JSON in a text that means to be a graph. */
export interface FoundGraph {
  /** Offsets of the JSON in the text, end exclusive. */
  start: number;
  end: number;
  /** What it says: an object with `nodes`, otherwise unchecked. */
  value: { nodes: unknown };
}

/**
 * The graph in a text: the first fenced block (```` ```json ````) if there is one, else from the first `{` to the last `}`. `null` when that is no
 * JSON object with `nodes`, or has more than 100,000 characters.
 *
 * @example
 * ```ts
 * import { findGraph } from "./find_graph.ts";
 * findGraph('So: {"nodes": []}.')?.value; // { nodes: [] }
 * ```
 */
export function findGraph(text: string): FoundGraph | null {
  const fence = /```(?:json)?[^\S\n]*\n/.exec(text);
  const from = fence ? fence.index + fence[0].length : 0;
  const close = fence ? text.indexOf("```", from) : -1, to = close < 0 ? text.length : close;
  const start = text.indexOf("{", from), end = text.lastIndexOf("}", to - 1) + 1;
  if (start < 0 || end <= start || end - start > graphLimits.characters) return null;
  try {
    const value = JSON.parse(text.slice(start, end));
    return typeof value === "object" && value !== null && "nodes" in value ? { start, end, value } : null;
  } catch {
    return null;
  }
}
