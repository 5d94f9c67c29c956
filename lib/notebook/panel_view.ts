import { escapeHtml } from "../display/escape_html.ts";
import { formatDuration, formatNumber } from "../display/format_number.ts";
import { type CompletionSpan, highlightCompletion } from "../display/highlight_completion.ts";
import type { NoteLevel } from "../display/observer.ts";
import { ink } from "../display/palette.ts";
import { htmlTable, type Table } from "../display/table.ts";
import { sparkline } from "../display/sparkline.ts";
import { visibleLine } from "../display/visible.ts";
import { formatMeasure, inLine } from "../training/measures.ts";

/** One quantity that a panel shows, with its course so far. */
export interface PanelQuantity {
  /** Its name for people. */
  label: string;
  /** Colour of its curve. */
  colour: string;
  /** A share of 1, shown in per cent. */
  share?: boolean;
  /** Its values so far, the older ones thinned. */
  history: number[];
}

/** A completion shown in a panel. */
export interface PanelSample {
  /** What the model was given. */
  prompt?: string;
  /** What it wrote. */
  completion: string;
  /** Its parts as the run's format reads them. @default those in `<reasoning>` and `<answer>` tags */
  spans?: readonly CompletionSpan[];
  /** The right answer. */
  reference?: string;
  /** Its total reward. */
  reward?: number;
  /** Whether the answer is right. */
  correct?: boolean;
  /** Raw component scores; `null` could not judge. */
  components?: Record<string, number | null>;
}

/** All that a panel shows at one moment. */
export interface PanelState {
  /** What runs. */
  title: string;
  /** Steps made. */
  done: number;
  /** Steps in all. */
  total: number;
  /** What is counted, such as `step` or `problem`. */
  unit: string;
  /** Seconds since it opened. */
  elapsedSeconds: number;
  /** Numbers shown, with their curves. */
  quantities: PanelQuantity[];
  /** The curriculum's phase. */
  phase?: string;
  /** A completion worth showing. */
  sample?: PanelSample;
  /** What is known so far, where that is a table: an experiment's runs. */
  table?: Table;
  /** What a person should know, in the order it came. */
  notes: { text: string; level: NoteLevel }[];
  /** How it ended, once it has. */
  ended?: string;
}

const latest = (quantity: PanelQuantity) => formatMeasure(quantity, quantity.history.at(-1)!);

function timing({ done, total, elapsedSeconds, ended }: PanelState): string {
  if (ended) return `${ended} after ${formatDuration(elapsedSeconds)}`;
  if (!done) return "starting";
  return `${formatDuration(elapsedSeconds / done * (total - done))} left`;
}

/**
 * A panel's state on one line: `GRPO 120/200 steps ██████░░░░ 41 s left · reward 0.812 · correctness 72.0 %`, cut to `width`
 * characters.
 */
export function panelLine(state: PanelState, { width = 200 }: { width?: number } = {}): string {
  const { title, done, total, unit, quantities, phase } = state;
  const filled = Math.round(10 * Math.min(1, done / Math.max(1, total)));
  const parts = [
    `${title} ${done}/${total}${/\w$/.test(unit) ? ` ${unit}s` : unit} ${"█".repeat(filled)}${
      "░".repeat(10 - filled)
    } ${timing(state)}`,
    ...(phase ? [`phase ${phase}`] : []),
    ...quantities.map((quantity) => `${inLine(quantity.label)} ${latest(quantity)}`),
  ];
  const line = visibleLine(parts.join(" · "));
  return line.length > width ? `${line.slice(0, Math.max(0, width - 1))}…` : line;
}

/** Edge and ground of a note. */
const noteColours: Record<NoteLevel, [string, string]> = {
  note: [ink.line, "#f6f7f9"],
  warning: ["#e8a317", "#fff9ec"],
  problem: ["#c2255c", "#fdf3f5"],
};

/** A panel's state as one block of HTML with inline styles and inline SVG: no script, no network, model text escaped. */
export function panelHtml(state: PanelState): string {
  const { title, done, total, unit, ended, phase, notes, sample, table } = state;
  const share = Math.min(1, done / Math.max(1, total));
  const colour = !ended ? "#3b5bdb" : ended === "finished" ? "#0b8a6a" : "#e8590c";
  const box =
    `font:13px/1.45 Open Sans,Segoe UI,Helvetica,Arial,sans-serif;color:${ink.text};background:${ink.paper};` +
    `border:1px solid ${ink.grid};border-radius:8px;padding:12px 16px;max-width:1080px`;
  const muted = `color:${ink.muted}`;
  return `<div style="${box}">
<div style="display:flex;justify-content:space-between;gap:16px;flex-wrap:wrap"><strong style="font-size:15px">${
    escapeHtml(title)
  }</strong><span style="${muted};font-variant-numeric:tabular-nums">${
    phase ? `phase ${escapeHtml(phase)} · ` : ""
  }${unit} ${done} of ${total} · ${escapeHtml(timing(state))}</span></div>
<div style="background:${ink.grid};border-radius:4px;height:6px;margin:8px 0 10px;overflow:hidden"><div style="background:${colour};height:6px;width:${
    (share * 100).toFixed(1)
  }%"></div></div>
<div style="display:flex;flex-wrap:wrap;gap:6px 22px">${state.quantities.map(tile).join("")}</div>
${
    notes.map(({ text, level }) =>
      `<div style="border-left:3px solid ${noteColours[level][0]};background:${
        noteColours[level][1]
      };padding:4px 10px;margin-top:8px">${escapeHtml(text)}</div>`
    ).join("")
  }${sample ? sampleHtml(sample) : ""}${table ? htmlTable(table) : ""}</div>`;
}

function tile(quantity: PanelQuantity): string {
  const { label, colour, history, share } = quantity;
  return `<div style="min-width:120px"><div style="color:${ink.muted};font-size:11.5px">${
    escapeHtml(label)
  }</div>` +
    `<div style="font-weight:600;font-size:15px;font-variant-numeric:tabular-nums">${
      latest(quantity)
    }</div>` +
    `${sparkline(history, { colour, ...(share ? { range: [0, 1] } : {}) })}</div>`;
}

function sampleHtml(
  { prompt, completion, spans, reference, reward, correct, components }: PanelSample,
): string {
  const facts = [
    correct === undefined
      ? ""
      : correct
      ? `<span style="color:#0b8a6a;font-weight:600">correct</span>`
      : `<span style="color:#c2255c;font-weight:600">wrong</span>`,
    reference === undefined ? "" : `reference ${escapeHtml(reference)}`,
    reward === undefined ? "" : `reward ${formatNumber(reward)}`,
    ...Object.entries(components ?? {}).map(([name, score]) => `${escapeHtml(name)} ${formatNumber(score)}`),
  ].filter(Boolean);
  return `<div style="margin-top:10px;border-top:1px solid ${ink.grid};padding-top:8px">
<div style="color:${ink.muted};font-size:11.5px">Latest completion${
    facts.length ? ` · ${facts.join(" · ")}` : ""
  }</div>
${
    prompt
      ? `<div style="margin-top:2px">${escapeHtml(prompt)}</div>`
      : ""
  }<div style="white-space:pre-wrap;overflow-wrap:anywhere;font:12.5px/1.5 ui-monospace,Menlo,Consolas,monospace;background:#f7f9fb;border-radius:6px;padding:8px 10px;margin-top:4px;max-height:220px;overflow:auto">${
    highlightCompletion(completion, spans)
  }</div></div>`;
}
