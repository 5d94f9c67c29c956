import type { StepMetrics, TrainingRun } from "./run.ts";
import type { TrackedRun, Tracker } from "./tracker.ts";

/** How long the end of a run waits for its trackers. */
const patience = 30_000;

/** One tracker with what it has not taken yet. */
class Line {
  readonly #tracker: Tracker;
  readonly #run: TrackedRun;
  readonly #say: (text: string) => void;
  #waiting: StepMetrics[] = [];
  #begun = false;
  #said = false;
  #busy: Promise<void> | null = null;

  constructor(tracker: Tracker, run: TrackedRun, say: (text: string) => void) {
    this.#tracker = tracker;
    this.#run = run;
    this.#say = say;
  }

  /** Hands over what waits, unless the tracker is still busy with what it was given before. */
  push(step?: StepMetrics): Promise<void> {
    if (step) this.#waiting.push(step);
    return this.#busy ??= this.#work().finally(() => this.#busy = null);
  }

  async #work(): Promise<void> {
    try {
      if (!this.#begun) await this.#tracker.begin(this.#run);
      this.#begun = true;
      while (this.#waiting.length > 0) {
        const steps = [...this.#waiting];
        await this.#tracker.log(steps);
        this.#waiting = this.#waiting.slice(steps.length);
      }
    } catch (error) {
      if (!this.#said) {
        this.#say(`${this.#tracker.name} did not take the metrics (${message(error)}); training goes on`);
      }
      this.#said = true;
    }
  }

  async close(ended: TrainingRun["ended"]): Promise<void> {
    await this.#busy;
    await this.push();
    try {
      if (this.#begun) await this.#tracker.end(ended);
    } catch (error) {
      if (!this.#said) this.#say(`${this.#tracker.name} could not be closed (${message(error)})`);
    }
    const lost = this.#waiting.length;
    if (lost > 0) {
      this.#say(
        `${this.#tracker.name} never took the metrics of the last ${lost} step${lost === 1 ? "" : "s"}`,
      );
    }
  }
}

/**
 * The trackers of one run: each is told of every step in order, none waits for another, and training waits for none of them before its end, then half a minute
 * at most.
 *
 * @example
 * ```ts
 * import { csvTracker } from "../../mod.ts";
 * const run = { name: "sft", stage: "sft", config: {}, resumedStep: null };
 * const trackers = runTrackers([csvTracker(`${await Deno.makeTempDir()}/metrics.csv`)], run, console.warn);
 * await trackers.end("finished");
 * ```
 */
export function runTrackers(
  trackers: readonly Tracker[],
  run: TrackedRun,
  say: (text: string) => void,
): { log(step: StepMetrics): void; end(ended: TrainingRun["ended"]): Promise<void> } {
  const lines = trackers.map((tracker) => new Line(tracker, run, say));
  return {
    log(step) {
      for (const line of lines) void line.push(step);
    },
    async end(ended) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<"late">((done) => timer = setTimeout(() => done("late"), patience));
      const all = Promise.all(lines.map((line) => line.close(ended)));
      if (await Promise.race([all, late]) === "late") {
        say(
          `A tracker did not answer within ${patience / 1000} s of the run's end; it may lack the last steps`,
        );
      }
      clearTimeout(timer);
    },
  };
}

const message = (error: unknown) => error instanceof Error ? error.message : String(error);
