import { checkArithmetic } from "../answers/check_arithmetic.ts";
import { isCorrectAlready } from "./correctness.ts";
import type { RewardSample } from "./reward.ts";
import type { RubricScores } from "./rubric.ts";
import { sampleParts } from "./sample_parts.ts";
import { withoutNumber, workingPieces } from "./working_pieces.ts";

/** What is looked at of a completion: beyond it a score would only reward length. */
const maxLength = 4000;

const ascii = (text: string) => text.replace(/[০-৯]/g, (digit) => String(digit.charCodeAt(0) - 0x9e6));

const numbersOf = (text: string) =>
  new Set(
    (ascii(text).match(/\d[\d,]*(?:\.\d+)?/g) ?? []).map((number) => Number(number.replaceAll(",", ""))),
  );

const steps = (reasoning: string) =>
  reasoning.split(/[.!?।](?=\s|$)|\n/).map((step) => step.trim()).filter((step) => step !== "");

const share = (parts: number, whole: number) => whole === 0 ? 0 : parts / whole;

/**
 * Scores a completion by R4's rubric without a judge, from what can be checked:
 *
 * - reasoning quality, 40: 20 · the share of stated equations that hold and do some work on the problem (`workingPieces`: `1 + 1 = 2`
 *   and `5 + 0 = 5` do none), 10 · the share of the question's numbers that those equations use, or those steps that speak of
 *   the problem when it states none, 10 when its last step names the given answer; a text that states no equation earns half of the first 20 when the
 *   question has no numbers either and some step speaks of it;
 * - answer correctness, 30: `answersMatch`;
 * - trace coherence, 20: 10 when reasoning and answer stand in order and nothing else, 10 · the share of steps that say
 *   something new;
 * - step clarity, 10: 10 · the share of steps of 10 to 200 characters, halved below two steps or above twelve.
 *
 * Without reasoning, or when the question has numbers and the reasoning uses none of them, only the answer's correctness and the
 * order of the tags earn points: padding is not reasoning.
 *
 * @example
 * ```ts
 * rubricHeuristics({
 *   prompt: "What is 5 + 3?",
 *   completion: "<reasoning>5 + 3 = 8, so it is 8.</reasoning><answer>8</answer>",
 *   problem: { id: "a", question: "What is 5 + 3?", answer: "8", difficulty: "easy", domain: "maths" },
 *   step: 0,
 *   steps: 1,
 *   phase: "easy",
 * }, { correct: true }).answerCorrectness; // 30
 * ```
 */
export function rubricHeuristics(
  sample: RewardSample,
  { correct = isCorrectAlready(sample) === true }: { correct?: boolean } = {},
): RubricScores {
  const { reasoning, answer, wellFormed } = sampleParts(sample), { problem } = sample;
  const scores: RubricScores = {
    reasoningQuality: 0,
    answerCorrectness: correct ? 30 : 0,
    traceCoherence: 0,
    stepClarity: 0,
  };
  const text = (reasoning ?? "").slice(0, maxLength), list = steps(text);
  if (!/[\p{L}\p{N}]/u.test(text)) return scores;

  const equations = checkArithmetic(text), working = workingPieces(equations, problem);
  const told = workingPieces(list.map((step) => ({ text: step })), problem);
  const asked = numbersOf(problem.question.slice(0, maxLength));
  const used = numbersOf(
    (equations.length > 0 ? working : told).map((piece) => withoutNumber(piece.text)).join("\n"),
  );
  const shared = [...asked].filter((number) => used.has(number)).length;
  scores.traceCoherence = wellFormed ? 10 : 0;
  if (asked.size > 0 && shared === 0) return scores;
  scores.reasoningQuality = equations.length > 0
    ? 20 * share(working.filter(({ holds }) => holds).length, equations.length)
    : asked.size === 0 && told.length > 0
    ? 10
    : 0;
  scores.reasoningQuality += 10 * share(shared, asked.size);
  const given = numbersOf(answer ?? ""), last = list.at(-1) ?? "";
  const named = given.size > 0
    ? [...given].every((number) => numbersOf(last).has(number))
    : !!answer && last.toLowerCase().split(/[^\p{L}\p{N}]+/u).includes(answer.toLowerCase());
  if (named) scores.reasoningQuality += 10;

  const fresh = new Set(list.map((step) => withoutNumber(step).toLowerCase().replace(/\s+/g, " "))).size;
  scores.traceCoherence += 10 * share(fresh, list.length);

  const clear = list.filter(({ length }) => length >= 10 && length <= 200).length;
  scores.stepClarity = 10 * share(clear, list.length) * (list.length >= 2 && list.length <= 12 ? 1 : 0.5);
  return scores;
}
