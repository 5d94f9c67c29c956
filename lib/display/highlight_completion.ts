import { escapeHtml } from "./escape_html.ts";

const tagColours: Record<string, string> = { reasoning: "#7048b6", answer: "#0b7285" };

/**
 * A completion as safe HTML with its `<reasoning>` and `<answer>` tags in colour and everything else escaped.
 * Meant for an element with `white-space: pre-wrap`.
 *
 * @example
 * ```ts
 * highlightCompletion("<answer>8</answer>");
 * // '<span style="color:#0b7285;font-weight:600">&lt;answer&gt;</span>8<span …>&lt;/answer&gt;</span>'
 * ```
 */
export function highlightCompletion(text: string): string {
  return escapeHtml(text).replace(
    /&lt;\/?(reasoning|answer)&gt;/g,
    (tag, name) => `<span style="color:${tagColours[name]};font-weight:600">${tag}</span>`,
  );
}
