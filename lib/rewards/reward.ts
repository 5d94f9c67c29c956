import type { Problem } from "../data/problem.ts";
import type { ResponseFormat } from "../formats/response_format.ts";

/** One completion, with all that a reward may look at. */
export interface RewardSample {
  /** The prompt's text as the model saw it. */
  prompt: string;
  /** The generated text, without the prompt and without special tokens. */
  completion: string;
  /** What was asked. */
  problem: Problem;
  /** How the run's answers are written and read. @default `<reasoning>` and `<answer>` tags */
  format?: ResponseFormat;
  /** The completion's tokens as text pieces; joined they are `completion`. */
  tokens?: string[];
  /** Log-probability of each of `tokens` under the model that sampled them, in nats. */
  tokenLogprobs?: number[];
  /** The optimizer step that the completion was sampled for, from 0. */
  step: number;
  /** How many steps the run will take: a schedule's progress is min(1, step/steps). */
  steps: number;
  /** The curriculum's phase: a name such as `easy`; selects the bounds of the trace score. */
  phase: string;
}

/**
 * A pure function from a sample to a score, at once or as a promise. `null` says "cannot judge": the component is left out of that
 * completion's sum and its weight is not redistributed.
 *
 * @example
 * ```ts
 * const short: RewardFunction = ({ completion }) => completion.length < 200 ? 1 : 0;
 * ```
 */
export interface RewardFunction {
  (sample: RewardSample): number | null | Promise<number | null>;
  /** For a reward that bounds its own time: the longest that scoring so many samples at once may take, in milliseconds. */
  longestMs?(samples: number): number;
}

/** A stretch of the completion that moved a component's score. */
export interface RewardSpan {
  /** Where it begins in the completion, in UTF-16 units as `slice` takes them. */
  start: number;
  /** Where it ends, exclusive. */
  end: number;
  /** What it earned or cost, in a few words. */
  why: string;
}

/** What one component said of one completion. */
export interface ComponentScore {
  /** The raw score, before its weight; `null` when the component could not judge or failed. */
  score: number | null;
  /** The weight in force at the sample's step. */
  weight: number;
  /** Why the component failed on this completion (an exception's message, "timed out after 1000 ms"). */
  error?: string;
}

/** A completion's total reward and the raw scores behind it. */
export interface RewardResult {
  /** Σ weight × score, not under the floor. */
  total: number;
  /** What each component said. */
  components: Record<string, ComponentScore>;
}

/** A reward as `grpo` uses it: scores a batch, and says which weights are in force at a step. */
export interface Reward {
  /** Component names, in the order in which tables and plots show them. */
  readonly names: string[];
  /** Scores every sample; one component's failure is counted in the result and never rejects. */
  score(samples: RewardSample[]): Promise<RewardResult[]>;
  /** The weights in force at `step` of `steps`, by component name. */
  weights(step: number, steps: number): Record<string, number>;
  /** The words behind each component's score, for those components that can point at them. */
  explain?(sample: RewardSample): Record<string, RewardSpan[]>;
  /** The configuration as plain data, for results and checkpoints. */
  toJSON(): unknown;
}
