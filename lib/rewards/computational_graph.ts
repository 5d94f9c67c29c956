import { checkGraph } from "../graph/check_graph.ts";
import { executeGraph } from "../graph/execute_graph.ts";
import { findGraph } from "../graph/find_graph.ts";
import type { Graph } from "../graph/graph.ts";
import { GraphError } from "../graph/graph_error.ts";
import { answersMatch } from "../answers/answers_match.ts";
import { explained, type ExplainedReward } from "./explained.ts";
import type { RewardSample } from "./reward.ts";
import { tagSpan } from "./tag_span.ts";

/** What a completion's graph comes to. */
export interface GraphVerdict {
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
 * Finds, checks and executes the graph of a completion, and compares its answer with the reference: the JSON inside the first
 * `<answer>`, or in the whole completion when there are no answer tags; fenced or bare.
 *
 * @example
 * ```ts
 * import { judgeGraph } from "./computational_graph.ts";
 * judgeGraph('<answer>{"nodes": [{"id": "final_result", "op": "const", "val": 8}]}</answer>', "8").score; // 1
 * ```
 */
export function judgeGraph(completion: string, reference: string): GraphVerdict {
  const inside = tagSpan(completion, "answer") ?? { start: 0, end: completion.length };
  const found = findGraph(completion.slice(inside.start, inside.end));
  if (!found) return { score: 0, answer: null, span: null, why: "no JSON with nodes" };
  const span = { start: inside.start + found.start, end: inside.start + found.end };
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

/**
 * The answer as an executable computational graph (SPEC section 2; R2, DAGGER): .2 its JSON parses, .3 it is valid (known operations, right
 * number of arguments, known nodes, no cycle, an answer node), .5 it executes, 1 it executes to the reference.
 *
 * `null` when the problem has no reference.
 *
 * @example
 * ```ts
 * import { computationalGraph } from "./computational_graph.ts";
 * const graph = { nodes: [{ id: "a", op: "const", val: 0 }, { id: "final_result", op: "sqrt", args: ["a", "a"] }] };
 * const completion = `<answer>${JSON.stringify(graph)}</answer>`;
 * computationalGraph()({ completion, problem: { answer: "8" } } as never); // 0.2: sqrt takes one argument
 * ```
 */
export function computationalGraph(): ExplainedReward {
  const verdict = ({ completion, problem }: RewardSample) =>
    problem.answer.trim() === "" ? null : judgeGraph(completion, problem.answer);
  return explained(
    (sample) => verdict(sample)?.score ?? null,
    (sample) => {
      const { span = null, why = "" } = verdict(sample) ?? {};
      return span ? [{ ...span, why }] : [];
    },
  );
}
