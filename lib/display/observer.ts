/**
 * What a stage reports while it works. The stages stand below the notebook, so they see only this; the notebook
 * floor puts its live panel and its stop button here.
 */

import type { CompletionSpan } from "./highlight_completion.ts";
import type { Table } from "./table.ts";

/** A completion worth showing. */
export interface ObservedSample {
  /** What the model was given. */
  prompt: string;
  /** What it wrote. */
  completion: string;
  /** Its parts and the marks around them. */
  spans?: readonly CompletionSpan[];
  /** The right answer. */
  reference?: string;
  /** Its total reward. */
  reward?: number;
}

/** How much a note matters: `note` informs, by `warning` learning suffers, by `problem` the run is failing. */
export type NoteLevel = "note" | "warning" | "problem";

/** A display of one stage's progress. */
export interface StageView {
  update(
    metrics: { step: number } & Record<string, unknown>,
    sample?: ObservedSample,
  ): void;
  note(text: string, level?: NoteLevel): void;
  /** Shows a table in place of the one before, where a view has room for one. */
  table?(table: Table): void;
  end(ended?: string): Promise<void>;
}

/** Whether a person asked to stop. */
export interface StopRequest {
  readonly pressed: boolean;
  readonly signal: AbortSignal;
  release(): void;
}

/** Makes views and stop requests. */
export interface Observer {
  view(options: { title: string; total: number; unit?: string }): StageView;
  stop(): StopRequest;
}

const silent: Observer = {
  view: () => ({ update() {}, note() {}, end: () => Promise.resolve() }),
  stop: () => ({ pressed: false, signal: new AbortController().signal, release() {} }),
};

let current = silent;

/** The observer in force. */
export function observer(): Observer {
  return current;
}

/** Puts an observer in place, or the silent one back. */
export function setObserver(observer: Observer | null): void {
  current = observer ?? silent;
}

/**
 * Runs an evaluation inside a stage: it opens no view of its own, for the stage has one; and a first press of the stop
 * button lets it finish, for it belongs to the step. The second ends it: `signal` is the stage's.
 */
export async function insideStage<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const outer = current;
  current = { view: silent.view, stop: () => ({ pressed: false, signal, release() {} }) };
  try {
    return await work();
  } finally {
    current = outer;
  }
}
