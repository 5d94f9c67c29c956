import { visibleLine } from "./visible.ts";

/** How {@linkcode printable} cuts. */
export interface PrintableOptions {
  /** Longest result in characters; what is cut away leaves `…`. @default 80 */
  limit?: number;
}

/**
 * A text on one line that can do a terminal no harm: control characters (a completion may hold escape sequences), line breaks
 * and marks that turn the direction of writing stand as `\n` and `\u{1b}`.
 *
 * @example
 * ```ts
 * printable("<answer>8</answer>\n", { limit: 12 }); // "<answer>8</…"
 * ```
 */
export function printable(text: string, { limit = 80 }: PrintableOptions = {}): string {
  const shown = visibleLine(text.slice(0, 4 * limit));
  return shown.length > limit || text.length > 4 * limit ? `${shown.slice(0, limit - 1)}…` : shown;
}
