import { hidden, visible } from "./visible.ts";

const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * Text made safe for HTML content and for quoted attributes: its marks as entities, its control characters
 * {@linkcode visible}. Completions are written by a model, so every one of them goes through here.
 *
 * @example
 * ```ts
 * escapeHtml("<answer>8</answer>"); // "&lt;answer&gt;8&lt;/answer&gt;"
 * ```
 */
export function escapeHtml(text: unknown): string {
  return visible(String(text)).replace(/[&<>"']/g, (character) => entities[character]);
}

/** JSON that may stand inside a `<script>` element: no `</script>` or `<!--` can end it early, nothing in it is raw that is not seen. */
export function scriptJson(value: unknown): string {
  const unit = (code: string) => `\\u${code.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replaceAll("<", "\\u003c").replace(
    hidden,
    (character) => character.split("").map(unit).join(""),
  );
}
