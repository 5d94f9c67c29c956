import type { Difficulty } from "../data/problem.ts";
import type { ShareInterval } from "./problem_rate.ts";
import type { Difference, Rate } from "./statistics.ts";

export type { Rate } from "./statistics.ts";

/** One test problem, answered. */
export interface EvaluationItem {
  problemId: string;
  /** Which of the problem's samples it is, from 0. */
  sample: number;
  domain: string;
  difficulty: Difficulty;
  question: string;
  reference: string;
  completion: string;
  /** The parsed answer, `null` when there was none. */
  answer: string | null;
  /** Right as the run's format reads and checks it. */
  correct: boolean;
  /** Right wherever its answer stands: a base model that keeps no format may know it. */
  correctAnywhere: boolean;
  /** The completion keeps the format: nothing missing, twice, in the wrong order or left over. */
  wellFormed: boolean;
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
  k: number;
  pass: ShareInterval;
  majority: ShareInterval;
}

/** The same problems with and without an irrelevant sentence. */
export interface DistractorEffect {
  plain: Rate;
  distracted: Rate;
  /** Distracted less plain, problem by problem, with a paired bootstrap interval. */
  difference: Difference;
  problems: number;
}

/** What `evaluate` returns: plain data, every number computed from `items`. */
export interface Evaluation {
  name: string;
  /** How it ended: one that was interrupted holds only problems that were answered whole. */
  ended: "finished" | "interrupted";
  /** How many problems were asked for, answered, left out as too long, and left out because the judge could not say. */
  problems: { asked: number; answered: number; tooLong: number; unjudged: number };
  /** Right in the format. */
  accuracy: Rate;
  /** Right wherever the answer stands. */
  accuracyAnywhere: Rate;
  formatRate: Rate;
  trace: number;
  meanTokens: number;
  truncatedFraction: number;
  byDomain: Record<string, Rate>;
  byDifficulty: Record<string, Rate>;
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
  items: EvaluationItem[];
  seconds: number;
  config: Record<string, unknown>;
}
