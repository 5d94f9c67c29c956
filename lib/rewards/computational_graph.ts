import { judgeGraph } from "../graph/judge_graph.ts";
import { explained, type ExplainedReward } from "./explained.ts";
import type { RewardSample } from "./reward.ts";
import { sampleParts } from "./sample_parts.ts";

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
  const verdict = (sample: RewardSample) => {
    const { completion, problem } = sample, inside = sampleParts(sample).answerSpan;
    return problem.answer.trim() === ""
      ? null
      : judgeGraph(completion, problem.answer, inside ?? { start: 0, end: completion.length });
  };
  return explained(
    (sample) => verdict(sample)?.score ?? null,
    (sample) => {
      const { span = null, why = "" } = verdict(sample) ?? {};
      return span ? [{ ...span, why }] : [];
    },
  );
}
