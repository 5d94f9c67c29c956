import { escapeHtml } from "./escape_html.ts";

/** A part of a completion: its content from `start` to `end`, with the marks around it from `open` to `close`. */
export interface CompletionSpan {
  /** Which part it is. */
  part: "reasoning" | "answer";
  /** Where its opening mark begins. */
  open: number;
  /** Past its closing mark. */
  close: number;
  /** Where its text begins. */
  start: number;
  /** Past its text. */
  end: number;
}

const colours = { reasoning: "#7048b6", answer: "#0b7285" };

/** The parts of `<reasoning>…</reasoning><answer>…</answer>`, tags that stand alone included. */
function tagged(text: string): CompletionSpan[] {
  return [...text.matchAll(/<\/?(reasoning|answer)>/g)].map(({ 0: tag, 1: part, index }) => {
    const end = index + tag.length;
    return { part: part as CompletionSpan["part"], open: index, start: end, end, close: end };
  });
}

/**
 * A completion as safe HTML with the marks of its parts in colour, and a part without marks in colour itself; everything else
 * escaped. Meant for an element with `white-space: pre-wrap`.
 *
 * @param spans The parts as the run's format reads them. Default: those in `<reasoning>` and `<answer>` tags.
 * @example
 * ```ts
 * highlightCompletion("<answer>8</answer>");
 * // '<span style="color:#0b7285;font-weight:600">&lt;answer&gt;</span>8<span …>&lt;/answer&gt;</span>'
 * ```
 */
export function highlightCompletion(text: string, spans: readonly CompletionSpan[] = []): string {
  const marked = spans.flatMap(({ part, open, start, end, close }) => {
    const bare = open === start && end === close;
    // reasoning without marks is most of the text: only an answer stands out by itself
    if (bare) return part === "answer" ? [{ part, from: start, to: end }] : [];
    return [{ part, from: open, to: start }, { part, from: end, to: close }];
  });
  const cut = marked.length > 0
    ? marked
    : tagged(text).map(({ part, open, start }) => ({ part, from: open, to: start }));
  let html = "", at = 0;
  for (const { part, from, to } of cut.toSorted((a, b) => a.from - b.from)) {
    if (from < at || to <= from) continue;
    html += escapeHtml(text.slice(at, from)) +
      `<span style="color:${colours[part]};font-weight:600">${escapeHtml(text.slice(from, to))}</span>`;
    at = to;
  }
  return html + escapeHtml(text.slice(at));
}
