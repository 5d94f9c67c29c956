import { escapeHtml } from "../display/escape_html.ts";
import { formatDuration, formatNumber } from "../display/format_number.ts";
import { fontFamily, ink } from "../display/palette.ts";
import { visible } from "../display/visible.ts";

/** One question and what the model said to it. */
export interface ChatTurn {
  /** What was asked. */
  question: string;
  /** The reply so far. */
  text: string;
  /** The text of each token and its log-probability, once the reply is whole. */
  pieces?: string[];
  /** Log-probabilities of the answer's tokens, nats. */
  logprobs?: number[];
  /** Tokens of the answer. */
  tokens: number;
  /** How long the answer took. */
  seconds: number;
  /** What ended it; nothing while it runs. */
  ended?: "end" | "stop" | "limit" | "aborted";
  /** Earlier turns that the model no longer sees, because all would not fit. */
  forgotten: number;
}

const colours = { reasoning: "#7048b6", answer: "#0b7285" } as const;
type Tag = keyof typeof colours;

/** Parts of a reply that look the same: a tag itself, or the text between tags. */
interface Part {
  from: number;
  to: number;
  tag?: Tag;
  inside?: Tag;
}

function parts(text: string): Part[] {
  const found: Part[] = [];
  let from = 0, inside: Tag | undefined;
  for (const match of text.matchAll(/<(\/?)(reasoning|answer)>/g)) {
    const tag = match[2] as Tag, to = match.index;
    if (to > from) found.push({ from, to, inside });
    from = to + match[0].length;
    found.push({ from: to, to: from, tag });
    inside = match[1] ? undefined : tag;
  }
  if (from < text.length) found.push({ from, to: text.length, inside });
  return found;
}

const styleOf = ({ tag, inside }: Part): string =>
  tag
    ? `color:${colours[tag]};font-weight:600;font-size:.85em`
    : inside === "answer"
    ? `color:${colours.answer};font-weight:700`
    : inside === "reasoning"
    ? "color:#4b3a70"
    : "";

/** A reply as safe HTML: tags in colour, the answer bold, and over each token its probability, unlikely ones shaded. */
function replyHtml({ text, pieces, logprobs }: ChatTurn): string {
  const borders: { to: number; logprob?: number }[] = [];
  let at = 0;
  for (const [i, piece] of (pieces ?? [text]).entries()) {
    if (piece) borders.push({ to: at += piece.length, logprob: logprobs?.[i] });
  }
  let html = "", token = 0;
  for (const part of parts(text)) {
    for (let from = part.from; from < part.to;) {
      const { to, logprob } = borders[token], end = Math.min(to, part.to);
      html += span(text.slice(from, end), styleOf(part), logprob);
      if (end === to) token++;
      from = end;
    }
  }
  return html;
}

function span(text: string, style: string, logprob?: number): string {
  const p = logprob === undefined ? 1 : Math.exp(logprob);
  const css = [style, p < 0.9 ? `background:rgba(232,89,12,${(0.3 * (1 - p)).toFixed(2)})` : ""].filter(
    Boolean,
  ).join(";");
  const title = logprob === undefined
    ? ""
    : ` title="p = ${formatNumber(p)}, log p = ${formatNumber(logprob)}"`;
  if (!css && !title) return escapeHtml(text);
  return `<span${css ? ` style="${css}"` : ""}${title}>${escapeHtml(text)}</span>`;
}

const endings = {
  end: "",
  stop: "ended at a stop text",
  limit: "cut at the token limit; raise maxTokens for longer replies",
  aborted: "stopped",
};

/** What stands below a reply: `23 tokens · 0.1 s · 480 tokens/s`. */
export function chatFacts({ tokens, seconds, ended, forgotten }: ChatTurn): string {
  if (!tokens && !ended) return "reading the question…";
  return [
    `${tokens} token${tokens === 1 ? "" : "s"}`,
    formatDuration(seconds),
    seconds > 0 ? `${formatNumber(tokens / seconds)} tokens/s` : "",
    ended ? endings[ended] : "…",
    forgotten
      ? `the first ${forgotten === 1 ? "turn was" : `${forgotten} turns were`} left out to fit the context`
      : "",
  ].filter(Boolean).join(" · ");
}

/** Turns of a chat as one block of HTML with inline styles: no script, no network, all text escaped. */
export function chatHtml(turns: readonly ChatTurn[]): string {
  const bubble =
    "white-space:pre-wrap;overflow-wrap:anywhere;border-radius:10px;padding:7px 12px;max-width:760px";
  return `<div style="font:14px/1.5 ${fontFamily};color:${ink.text};background:${ink.paper};padding:4px 2px">${
    turns.map((turn) =>
      `<div style="display:flex;justify-content:flex-end;margin:4px 0"><div style="${bubble};background:#e7edfd">${
        escapeHtml(turn.question)
      }</div></div><div style="margin:4px 0"><div style="${bubble};display:inline-block;background:#f6f7f9;border:1px solid ${ink.grid}">${
        replyHtml(turn) || "…"
      }</div><div style="color:${ink.muted};font-size:11.5px;margin:2px 0 0 12px;font-variant-numeric:tabular-nums">${
        escapeHtml(chatFacts(turn))
      }</div></div>`
    ).join("")
  }</div>`;
}

/** The same for a terminal, and for `text/plain`. */
export function chatText(turns: readonly ChatTurn[]): string {
  return visible(turns.map((turn) => `> ${turn.question}\n${turn.text}\n  (${chatFacts(turn)})`).join("\n"));
}
