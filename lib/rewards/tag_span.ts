/** Where a pair of tags lies in a completion. */
export interface TagSpan {
  /** The opening tag's first character, and one past the closing tag's last. */
  open: number;
  close: number;
  /** What is between the tags: offsets of its first character and one past its last. */
  start: number;
  end: number;
}

/**
 * The first `<tag>…</tag>` of a completion, or `null` without a closed pair; the same pair that `parseCompletion` reads.
 *
 * @example
 * ```ts
 * import { tagSpan } from "./tag_span.ts";
 * tagSpan("<answer>8</answer>", "answer"); // { open: 0, start: 8, end: 9, close: 18 }
 * ```
 */
export function tagSpan(completion: string, tag: "reasoning" | "answer"): TagSpan | null {
  const open = completion.indexOf(`<${tag}>`);
  if (open < 0) return null;
  const start = open + tag.length + 2, end = completion.indexOf(`</${tag}>`, start);
  return end < 0 ? null : { open, start, end, close: end + tag.length + 3 };
}

/** Indices of the tokens that lie, wholly or in part, inside the first `<tag>…</tag>` of their joined text. */
export function tokensInside(tokens: readonly string[], tag: "reasoning" | "answer"): number[] {
  const span = tagSpan(tokens.join(""), tag), inside: number[] = [];
  if (!span) return inside;
  let at = 0;
  for (const [index, token] of tokens.entries()) {
    if (at < span.end && at + token.length > span.start) inside.push(index);
    at += token.length;
  }
  return inside;
}
