import type { CompletionRecord } from "../training/run.ts";

/** A group of completions of one problem, as one step had it. */
export interface RolloutStep {
  /** The step that sampled it. */
  step: number;
  /** The problem's id. */
  problemId: string;
  /** What was asked. */
  question?: string;
  /** The right answer. */
  reference?: string;
  /** The group, in the order sampled. */
  completions: CompletionRecord[];
}

/** What {@linkcode inspectRollouts} returns: plain data that displays as a page of groups. */
export interface RolloutInspection {
  /** The run's name. */
  name: string;
  /** The step that is open. */
  step: number;
  /** Steps of the run that have completions. */
  available: number[];
  /** The groups that can be turned to, in order. */
  steps: RolloutStep[];
}
