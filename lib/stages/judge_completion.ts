import type { Problem } from "../data/problem.ts";
import { checkAnswer } from "../formats/check_answer.ts";
import { readAnywhere } from "../formats/read_anywhere.ts";
import type { ResponseFormat } from "../formats/response_format.ts";
import { tokensInside } from "../formats/tokens_inside.ts";
import type { Completion } from "../models/causal_lm.ts";
import { traceStructure } from "../rewards/trace_structure.ts";
import { classifyFailure } from "./classify_failure.ts";
import type { EvaluationItem } from "./evaluation.ts";

/** What a judge of one's own sees of an answer. */
export interface JudgedAnswer {
  /** What the format reads, `null` when it reads none. */
  answer: string | null;
  /** What the model wrote. */
  completion: string;
  /** What was asked. */
  problem: Problem;
}

/** Says whether an answer is right; `null` when it cannot. */
export type AnswerJudge = (judged: JudgedAnswer) => boolean | null | Promise<boolean | null>;

const trace = traceStructure();

/** exp of the mean log-probability of the tokens that are the answer. */
function answerProbability(
  { pieces, logprobs }: Completion,
  span: { start: number; end: number } | undefined,
): number | null {
  const inside = tokensInside(pieces, span);
  if (inside.length === 0) return null;
  return Math.exp(inside.reduce((sum, index) => sum + logprobs[index], 0) / inside.length);
}

/** Judges one completion by the run's format, or by a judge of one's own; `null` when it cannot be said whether it is right. */
export async function judgeCompletion(
  { problem, completion, sample }: { problem: Problem; completion: Completion; sample: number },
  { format, judge }: { format: ResponseFormat; judge?: AnswerJudge },
): Promise<EvaluationItem | null> {
  const { text } = completion, { answer, wellFormed, spans } = format.read(text);
  const verdict = judge
    ? await judge({ answer, completion: text, problem })
    : answer === null
    ? problem.answer.trim() === "" ? null : false
    : await format.check(answer, problem);
  if (verdict === null) return null;
  const elsewhere = verdict ? null : readAnywhere(text, format);
  const correctAnywhere = verdict ||
    elsewhere !== null && elsewhere !== answer && checkAnswer(elsewhere, problem) === true;
  const item: EvaluationItem = {
    problemId: problem.id,
    sample,
    domain: problem.domain,
    difficulty: problem.difficulty,
    question: problem.question,
    reference: problem.answer,
    completion: text,
    answer,
    correct: verdict,
    wellFormed,
    correctAnywhere,
    truncated: completion.truncated,
    tokens: completion.tokens.length,
    trace: await trace({
      prompt: "",
      completion: text,
      problem,
      format,
      step: 0,
      steps: 1,
      phase: problem.difficulty,
    }) ?? 0,
    answerProbability: answerProbability(completion, spans.find(({ part }) => part === "answer")),
  };
  return verdict ? item : { ...item, failure: classifyFailure(item, { format }) ?? "other" };
}
