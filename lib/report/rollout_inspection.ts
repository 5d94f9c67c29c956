import type { CompletionRecord } from "../training/run.ts";

/** A group of completions of one problem, as one step had it. */
export interface RolloutStep {
  step: number;
  problemId: string;
  question?: string;
  reference?: string;
  completions: CompletionRecord[];
}

/** What {@linkcode inspectRollouts} returns: plain data that displays as a page of groups. */
export interface RolloutInspection {
  name: string;
  /** The step that is open. */
  step: number;
  /** Steps of the run that have completions. */
  available: number[];
  /** The groups that can be turned to, in order. */
  steps: RolloutStep[];
}
