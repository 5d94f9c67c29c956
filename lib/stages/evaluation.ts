import type { Difficulty } from "../data/problem.ts";

/** One test problem, answered. */
export interface EvaluationItem {
  problemId: string;
  domain: string;
  difficulty: Difficulty;
  question: string;
  reference: string;
  completion: string;
  /** The parsed answer, `null` when there was none. */
  answer: string | null;
  correct: boolean;
  /** `<reasoning>` and then `<answer>`, each once and closed. */
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

/** A share with its Wilson 95 % interval. */
export interface Rate {
  value: number;
  low: number;
  high: number;
  count: number;
  total: number;
}

/** What `evaluate` returns: plain data, every number computed from `items`. */
export interface Evaluation {
  name: string;
  accuracy: Rate;
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
  items: EvaluationItem[];
  seconds: number;
  config: Record<string, unknown>;
}
