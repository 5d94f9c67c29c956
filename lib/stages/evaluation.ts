import type { Difficulty } from "../data/problem.ts";
import type { ShareInterval } from "./problem_rate.ts";
import type { Difference, Rate } from "./statistics.ts";

export type { Rate } from "./statistics.ts";

/** One test problem, answered. */
export interface EvaluationItem {
  /** The problem's id. */
  problemId: string;
  /** Which of the problem's samples it is, from 0. */
  sample: number;
  /** The problem's domain. */
  domain: string;
  /** The problem's difficulty. */
  difficulty: Difficulty;
  /** What was asked. */
  question: string;
  /** The right answer. */
  reference: string;
  /** What the model wrote, without the prompt. */
  completion: string;
  /** The parsed answer, `null` when there was none. */
  answer: string | null;
  /** Right as the run's format reads and checks it. */
  correct: boolean;
  /** Right wherever its answer stands: a base model that keeps no format may know it. */
  correctAnywhere: boolean;
  /** The completion keeps the format: nothing missing, twice, in the wrong order or left over. */
  wellFormed: boolean;
  /** Whether the token limit cut it. */
  truncated: boolean;
  /** Completion length in tokens. */
  tokens: number;
  /** R3's trace score, 0 to 1. */
  trace: number;
  /** exp of the mean log-probability of the answer's tokens, `null` without an answer. */
  answerProbability: number | null;
  /** Why it went wrong, by checkable rules; absent when correct. */
  failure?: string;
}

/** pass@k and maj@k with their 95 % intervals over problems. */
export interface AtK {
  /** Completions a problem that count. */
  k: number;
  /** Share of problems of which at least one of k is right. */
  pass: ShareInterval;
  /** Share of problems of which the answer given most often among k is right. */
  majority: ShareInterval;
}

/** The same problems with and without an irrelevant sentence. */
export interface DistractorEffect {
  /** Accuracy without a distractor. */
  plain: Rate;
  /** Accuracy with one. */
  distracted: Rate;
  /** Distracted less plain, problem by problem, with a paired bootstrap interval. */
  difference: Difference;
  /** Problems that were asked in both forms. */
  problems: number;
}

/** What `evaluate` returns: plain data, every number computed from `items`. */
export interface Evaluation {
  /** What tables and figures call it. */
  name: string;
  /** How it ended: one that was interrupted holds only problems that were answered whole. */
  ended: "finished" | "interrupted";
  /** How many problems were asked for, answered, left out as too long, and left out because the judge could not say. */
  problems: { asked: number; answered: number; tooLong: number; unjudged: number };
  /** Right in the format. */
  accuracy: Rate;
  /** Right wherever the answer stands. */
  accuracyAnywhere: Rate;
  /** Share of well-formed completions. */
  formatRate: Rate;
  /** Mean trace score, 0 to 1. */
  trace: number;
  /** Mean length of the completions in tokens. */
  meanTokens: number;
  /** Share that the token limit cut. */
  truncatedFraction: number;
  /** Accuracy of each domain. */
  byDomain: Record<string, Rate>;
  /** Accuracy of each difficulty. */
  byDifficulty: Record<string, Rate>;
  /** Wrong answers by what was wrong with them. */
  failures: Record<string, number>;
  /** Unbiased pass@k by k, over problems. */
  passAt: Record<number, number>;
  /** maj@k by the same k, over problems: the first k samples vote. */
  majorityAt: Record<number, number>;
  /** Both with their intervals, by rising k. */
  atK: AtK[];
  /** Expected calibration error of the answers' probabilities; `null` when none has one. */
  ece: number | null;
  /** `null` unless some problems were asked both ways (`addDistractors`). */
  distractors: DistractorEffect | null;
  /** Every completion with its verdict: what all numbers come from. */
  items: EvaluationItem[];
  /** How long it took. */
  seconds: number;
  /** Its options, every default filled in. */
  config: Record<string, unknown>;
}
