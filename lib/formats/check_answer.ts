import { answersMatch } from "../answers/answers_match.ts";
import type { Problem } from "../data/problem.ts";

/** Whether an answer says the same as the reference, by `answersMatch`; `null` when there is no reference. */
export function checkAnswer(answer: string, problem: Pick<Problem, "answer">): boolean | null {
  return problem.answer.trim() === "" ? null : answersMatch(answer, problem.answer);
}
