import { isQuiet } from "../display/quiet.ts";
import { ink, seriesColours } from "../display/palette.ts";
import type { NoteLevel } from "../display/observer.ts";
import type { Table } from "../display/table.ts";
import { visible } from "../display/visible.ts";
import { type Measure, measures, measuresIn } from "../training/measures.ts";
import type { StepMetrics } from "../training/run.ts";
import { kernel } from "../display/kernel.ts";
import { panelHtml, panelLine, type PanelQuantity, type PanelSample, type PanelState } from "./panel_view.ts";

/** The numbers of one update: `step` of the total, and whatever of a step's metrics (or other numbers) is known. */
export type PanelMetrics = { step: number } & Partial<Omit<StepMetrics, "step">> & Record<string, unknown>;

/** Where a panel is drawn. Given only by tests and other front ends; a panel finds its own. */
export interface PanelSurface {
  /** Shows `state`; `first` on the first call, `last` on the last. */
  show(state: PanelState, when: { first: boolean; last: boolean }): void | Promise<void>;
}

/** Options of {@linkcode livePanel}. */
export interface LivePanelOptions {
  /** What runs, such as `GRPO`. */
  title: string;
  /** How many updates make the whole. */
  total: number;
  /** What is counted. @default "step" */
  unit?: string;
  /** The least time between two drawings, in milliseconds; the last is always drawn. @default 250 */
  interval?: number;
  /** Where it is drawn. @default the cell, or the terminal */
  surface?: PanelSurface;
  /** A clock in milliseconds, for tests. @default performance.now */
  now?: () => number;
}

/** A display of long work that changes in place. */
export interface LivePanel {
  /** Shows a step's numbers and, when given, one of its completions. */
  update(metrics: PanelMetrics, sample?: PanelSample): void;
  /** Adds a sentence, such as a diagnosis; a sentence already there is not repeated. @default "note" */
  note(text: string, level?: NoteLevel): void;
  /** Shows a table in place of the one before; in a terminal, which has one line, it stays unseen. */
  table(table: Table): void;
  /** Draws the last state with how the work ended; resolves when it is on the screen. */
  end(ended?: string): Promise<void>;
}

/** An evaluation's own progress: it makes no steps, so it is no measure of a run. */
const judging: [string, Measure] = ["accuracy", {
  ...measures.heldOut,
  label: "Accuracy",
  read: (m) => (m as PanelMetrics).accuracy as number | undefined,
  colour: seriesColours[2],
}];
/** Quantities in the order shown; others that are numbers follow under their own names. */
const known: [string, Measure][] = [judging, ...measuresIn("panel")];
/** Logged for every step and shown elsewhere, or not worth a curve. */
const unshown = new Set([
  "step",
  "tokens",
  "gradientNorm",
  "policyLoss",
  "rewardStd",
  "clipLow",
  "clipHigh",
  "skippedUpdates",
  "zeroVarianceFraction",
  "truncatedFraction",
]);

/**
 * Opens a panel: in a notebook one display that is updated in place (progress with the time left, the step's numbers
 * with small curves, a completion, notes); in a terminal one line rewritten in place, or a line every tenth of the work
 * when the output is not a terminal. In a kernel started with `SHOWWORK_PROGRESS=1` the line also goes to the process's
 * stderr about once a second, where the program that runs the notebook can show it. After `quiet()` nothing is shown.
 *
 * `update` may be called as often as there are steps; drawing is throttled. A front end that goes away never fails the
 * work.
 *
 * @example
 * ```ts
 * const panel = livePanel({ title: "SFT", total: 300 });
 * panel.update({ step: 1, loss: 2.7 });
 * await panel.end("finished");
 * ```
 */
export function livePanel(options: LivePanelOptions): LivePanel {
  const { title, total, unit = "step", interval = 250, now = () => performance.now() } = options;
  const surface = options.surface ??
    (isQuiet() ? { show() {} } : kernel() ? notebookSurface() : terminalSurface());
  const started = now(), quantities = new Map<string, PanelQuantity>();
  const state: PanelState = { title, total, unit, done: 0, elapsedSeconds: 0, quantities: [], notes: [] };
  let drawn = -Infinity, first = true, over = false, timer: ReturnType<typeof setTimeout> | undefined;
  let queue: Promise<void> = Promise.resolve();

  const draw = (last = false) => {
    clearTimeout(timer);
    timer = undefined;
    drawn = now();
    state.elapsedSeconds = (drawn - started) / 1000;
    const shown = { ...state, quantities: [...quantities.values()], notes: [...state.notes] };
    const when = { first, last };
    first = false;
    queue = queue.then(() => surface.show(shown, when)).catch(() => {});
  };
  const request = () => {
    const wait = drawn + interval - now();
    if (over) return;
    if (wait <= 0) draw();
    // The last of a burst must be seen too, also when nothing follows it.
    else timer ??= setTimeout(() => draw(), wait);
  };
  const record = (key: string, entry: Omit<PanelQuantity, "history">, value: unknown) => {
    if (typeof value !== "number" || !Number.isFinite(value)) return;
    const quantity = quantities.get(key) ?? { ...entry, history: [] };
    quantity.history = thinned([...quantity.history, value]);
    quantities.set(key, quantity);
  };

  draw();
  return {
    update(metrics, sample) {
      state.done = metrics.step;
      state.phase = metrics.phase ?? state.phase;
      if (sample) state.sample = sample;
      for (const [key, { label, read, share, colour }] of known) {
        record(key, { label, colour, share }, read(metrics));
      }
      for (const [key, value] of Object.entries(metrics)) {
        if (!unshown.has(key) && !known.some(([name]) => name === key)) {
          record(key, { label: key, colour: ink.muted }, value);
        }
      }
      request();
    },
    note(text, level = "note") {
      if (state.notes.some((note) => note.text === text)) return;
      state.notes.push({ text, level });
      request();
    },
    table(table) {
      state.table = table;
      request();
    },
    end(ended = "finished") {
      if (!over) {
        state.ended = ended;
        draw(true);
        over = true;
      }
      return queue;
    },
  };
}

/** A curve 120 pixels wide needs no more than some 160 points; the older half loses every second one. */
function thinned(history: number[]): number[] {
  if (history.length <= 160) return history;
  const half = history.length >> 1;
  return history.filter((_, i) => i >= half || i % 2 === 0);
}

function notebookSurface(): PanelSurface {
  const jupyter = kernel()!, id = crypto.randomUUID();
  const report = Deno.env.get("SHOWWORK_PROGRESS") === "1" ? progressLines() : undefined;
  return {
    async show(state, { first, last }) {
      report?.(state, last);
      await jupyter.broadcast(first ? "display_data" : "update_display_data", {
        data: { "text/html": panelHtml(state), "text/plain": panelLine(state) },
        metadata: {},
        transient: { display_id: id },
      });
    },
  };
}

/**
 * The kernel turns `console.error` and `Deno.stderr` into notebook output; only the device still reaches the program that
 * started it. Where there is no such device (Windows), nothing is written.
 */
function progressLines(): (state: PanelState, last: boolean) => void {
  let written = -Infinity;
  return (state, last) => {
    if (!last && state.elapsedSeconds - written < 1) return;
    written = state.elapsedSeconds;
    try {
      Deno.writeTextFileSync("/dev/stderr", `${panelLine(state, { width: 160 })}\n`, {
        append: true,
        create: false,
      });
    } catch {
      // Progress is a courtesy: training goes on without it.
    }
  };
}

function terminalSurface(): PanelSurface {
  const write = (text: string) => void Deno.stdout.writeSync(new TextEncoder().encode(text));
  const inPlace = Deno.stdout.isTerminal();
  let tenth = -1, notes = 0;
  return {
    show(state, { last }) {
      const fresh = state.notes.slice(notes).map(({ text }) => `  ${visible(text)}\n`).join("");
      notes = state.notes.length;
      if (inPlace) {
        // A pseudo-terminal that was given no size says 0.
        const width = (Deno.consoleSize().columns || 80) - 1;
        return write(`\r\x1b[2K${fresh}${panelLine(state, { width })}${last ? "\n" : ""}`);
      }
      const reached = Math.floor(10 * state.done / Math.max(1, state.total));
      if (fresh) write(fresh);
      if (!last && (reached === tenth || !state.done)) return;
      tenth = reached;
      write(`${panelLine(state)}\n`);
    },
  };
}
