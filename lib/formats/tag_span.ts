import type { Span } from "./response_format.ts";

/**
 * The first `<tag>…</tag>` of a completion, or `null` without a closed pair.
 *
 * @example
 * ```ts
 * import { tagSpan } from "./tag_span.ts";
 * tagSpan("<answer>8</answer>", "answer"); // { open: 0, start: 8, end: 9, close: 18 }
 * ```
 */
export function tagSpan(completion: string, tag: string): Omit<Span, "part"> | null {
  const open = completion.indexOf(`<${tag}>`);
  if (open < 0) return null;
  const start = open + tag.length + 2, end = completion.indexOf(`</${tag}>`, start);
  return end < 0 ? null : { open, start, end, close: end + tag.length + 3 };
}
