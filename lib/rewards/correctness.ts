import { parseCompletion } from "../text/completion.ts";
import { answersMatch } from "./answers_match.ts";
import type { RewardFunction } from "./reward.ts";

/** 1 when the first `<answer>` matches the reference, else 0; no answer, or an empty one, is 0 (R3). */
export function correctness(): RewardFunction {
  return ({ completion, problem }) => {
    const { answer } = parseCompletion(completion);
    return answer && answersMatch(answer, problem.answer) ? 1 : 0;
  };
}
