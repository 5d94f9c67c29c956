import { escapeHtml } from "./escape_html.ts";
import { ink, translucent } from "./palette.ts";

/** A stretch of a text and what is to be said of it. */
export interface HighlightSpan {
  start: number;
  /** Exclusive. */
  end: number;
  why: string;
}

/** How {@linkcode highlightSpans} draws. */
export interface HighlightOptions {
  /** `#rrggbb`. @default "#3b5bdb" */
  colour?: string;
  /** Most characters shown; the rest is counted. @default 2000 */
  limit?: number;
}

/**
 * A text as safe HTML in which stretches are marked, by a ground and a line below so that colour is never alone; a stretch inside
 * another is darker, and hovering over one says why. Meant for an element with `white-space: pre-wrap`.
 *
 * @example
 * ```ts
 * highlightSpans("it is 8", [{ start: 6, end: 7, why: "the answer" }]); // 'it is <mark title="the answer" …>8</mark>'
 * ```
 */
export function highlightSpans(
  text: string,
  spans: readonly HighlightSpan[],
  { colour = "#3b5bdb", limit = 2000 }: HighlightOptions = {},
): string {
  const shown = text.slice(0, limit);
  const seen = spans.map(({ start, end, why }) => ({
    start: Math.max(0, start),
    end: Math.min(end, shown.length),
    why,
  }))
    .filter(({ start, end }) => start < end);
  const cuts = [...new Set([0, shown.length, ...seen.flatMap(({ start, end }) => [start, end])])].sort((
    a,
    b,
  ) => a - b);
  const parts = cuts.slice(1).map((end, i) => {
    const start = cuts[i], part = escapeHtml(shown.slice(start, end));
    const over = seen.filter((span) => span.start <= start && end <= span.end);
    if (over.length === 0) return part;
    const style =
      `background:${translucent(colour, Math.min(0.6, 0.06 + 0.12 * over.length))};color:inherit;` +
      `border-bottom:2px solid ${translucent(colour, Math.min(1, 0.3 + 0.25 * over.length))}`;
    const why = [...new Set(over.map((span) => span.why))].join("; ");
    return `<mark title="${escapeHtml(why)}" style="${style}">${part}</mark>`;
  });
  const left = text.length - shown.length;
  return parts.join("") +
    (left ? `<span style="color:${ink.muted}"> … ${left.toLocaleString("en")} characters more</span>` : "");
}
