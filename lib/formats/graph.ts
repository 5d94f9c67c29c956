import { checkGraph } from "../graph/check_graph.ts";
import { findGraph } from "../graph/find_graph.ts";
import { graphOperations } from "../graph/graph.ts";
import { judgeGraph } from "../graph/judge_graph.ts";
import { problemGraph } from "../graph/problem_graph.ts";
import type { ResponseFormat, Span } from "./response_format.ts";

/** Options of {@linkcode graph}. */
export interface GraphFormatOptions {
  /** The system prompt. @default what a graph is, and its operations */
  instructions?: string | null;
}

const described =
  `Answer with one JSON object and nothing else: {"nodes": [...]}. Each number that you need is ` +
  `{"id": "n1", "op": "const", "val": 48}; each step is {"id": "n3", "op": "add", "args": ["n1", "n2"]}, where op is one of ` +
  `${Object.keys(graphOperations).join(", ")}. The last node has the id "final_result" and is the answer.`;

/** What may stand around a graph without being more than a graph. */
const dressing = /^(?:\s|<\/?answer>|```(?:json)?)*$/;

/**
 * The answer as an executable computational graph in JSON (R2, DAGGER): the graph is executed and its value compared with the reference. A
 * demonstration is the problem's own graph, so problems without one give none. Text before the graph is the reasoning; well formed is a valid graph
 * with nothing but a fence or answer tags around it.
 *
 * @example
 * ```ts
 * import { graph } from "./graph.ts";
 * const { answer } = graph().read('{"nodes": [{"id": "final_result", "op": "const", "val": 8}]}');
 * graph().value!(answer!); // "8"
 * ```
 */
export function graph({ instructions = described }: GraphFormatOptions = {}): ResponseFormat {
  return {
    name: "graph",
    instructions,
    write(problem) {
      const known = problemGraph(problem);
      return known && JSON.stringify(known);
    },
    read(text) {
      const found = findGraph(text);
      if (!found) return { reasoning: text.trim() || null, answer: null, wellFormed: false, spans: [] };
      const { start, end } = found, before = text.slice(0, start), bare = dressing.test(before);
      const reasoning = bare ? null : before.trim(), from = before.length - before.trimStart().length;
      const spans: Span[] = [{ part: "answer", open: start, start, end, close: end }];
      if (reasoning) {
        const to = from + reasoning.length;
        spans.unshift({ part: "reasoning", open: from, start: from, end: to, close: to });
      }
      return {
        reasoning,
        answer: text.slice(start, end),
        wellFormed: bare && dressing.test(text.slice(end)) && checkGraph(found.value).length === 0,
        spans,
      };
    },
    check: (answer, problem) =>
      problem.answer.trim() === "" ? null : judgeGraph(answer, problem.answer, whole(answer)).score === 1,
    value: (answer) => judgeGraph(answer, "", whole(answer)).answer ?? answer,
  };
}

const whole = (text: string) => ({ start: 0, end: text.length });
