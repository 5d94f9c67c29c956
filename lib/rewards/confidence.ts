import { parseCompletion } from "../text/completion.ts";
import { answersMatch } from "./answers_match.ts";
import { answerTokens } from "./answer_tokens.ts";
import type { RewardFunction } from "./reward.ts";

/** Options of {@linkcode confidence}. */
export interface ConfidenceOptions {
  /** The model's own probabilities, or the reasoning's length as R3's released code has it. @default "logprobs" */
  from?: "logprobs" | "length";
}

/**
 * Calibrated confidence. From log-probabilities: p̄ = mean log-probability of the answer's tokens, q = clamp((p̄ + 10)/9.9, 0, 1); q if
 * correct, 1 − q if wrong, .5 when there is no reference. From length (R3's released code): correct → min(1, .5 + |R|/300), else
 * max(0, .6 − |R|/400), |R| in characters. `null` when log-probabilities are wanted and there are none.
 */
export function confidence({ from = "logprobs" }: ConfidenceOptions = {}): RewardFunction {
  return ({ completion, problem, tokens, tokenLogprobs }) => {
    const { reasoning, answer } = parseCompletion(completion);
    const correct = answer !== null && answer !== "" && answersMatch(answer, problem.answer);
    if (from === "length") {
      const length = reasoning?.length ?? 0;
      return correct ? Math.min(1, 0.5 + length / 300) : Math.max(0, 0.6 - length / 400);
    }
    if (!problem.answer) return 0.5;
    if (!tokens || !tokenLogprobs) return null;
    const inside = answerTokens(tokens);
    if (inside.length === 0) return 0;
    const mean = inside.reduce((sum, index) => sum + tokenLogprobs[index], 0) / inside.length;
    const q = Math.min(1, Math.max(0, (mean + 10) / 9.9));
    return correct ? q : 1 - q;
  };
}
