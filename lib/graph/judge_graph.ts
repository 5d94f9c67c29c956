import { answersMatch } from "../answers/answers_match.ts";
import { checkGraph } from "./check_graph.ts";
import { executeGraph } from "./execute_graph.ts";
import { findGraph } from "./find_graph.ts";
import type { Graph } from "./graph.ts";
import { GraphError } from "./graph_error.ts";

/** What a completion's graph comes to. */
export interface GraphVerdict {
  /** What it is worth: the sum of what it gets right. */
  score: 0 | 0.2 | 0.3 | 0.5 | 1;
  /** The executed answer as text, when the graph executes. */
  answer: string | null;
  /** Offsets of the JSON in the completion, when it parses. */
  span: { start: number; end: number } | null;
  /** What it earned and what is wrong, in words. */
  why: string;
}

/** Twelve significant digits: enough for any answer, and 0.1 + 0.2 is 0.3. */
const answerText = (value: number) => String(Number.isInteger(value) ? value : Number(value.toPrecision(12)));

/**
 * Finds, checks and executes the graph in a text, fenced or bare, and compares its answer with the reference. `inside` says where to look; by default
 * within the first `<answer>`, or anywhere when there are no answer tags.
 *
 * @example
 * ```ts
 * import { judgeGraph } from "./judge_graph.ts";
 * judgeGraph('<answer>{"nodes": [{"id": "final_result", "op": "const", "val": 8}]}</answer>', "8").score; // 1
 * ```
 */
export function judgeGraph(
  completion: string,
  reference: string,
  inside?: { start: number; end: number },
): GraphVerdict {
  const tagged = /<answer>([\s\S]*?)<\/answer>/.exec(completion);
  const { start, end } = inside ??
    (tagged
      ? { start: tagged.index + 8, end: tagged.index + tagged[0].length - 9 }
      : { start: 0, end: completion.length });
  const found = findGraph(completion.slice(start, end));
  if (!found) return { score: 0, answer: null, span: null, why: "no JSON with nodes" };
  const span = { start: start + found.start, end: start + found.end };
  const problems = checkGraph(found.value);
  if (problems.length > 0) {
    const more = problems.length > 1 ? `, and ${problems.length - 1} more` : "";
    return { score: 0.2, answer: null, span, why: `parses, +0.2; not valid: ${problems[0]}${more}` };
  }
  try {
    const answer = answerText(executeGraph(found.value as Graph).answer);
    return answersMatch(answer, reference)
      ? { score: 1, answer, span, why: `executes to ${answer}, the reference` }
      : { score: 0.5, answer, span, why: `executes, +0.5; ${answer} is not ${reference}` };
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    return { score: 0.3, answer: null, span, why: `valid, +0.3; ${error.problems[0]}` };
  }
}
