import { escapeHtml } from "../display/escape_html.ts";

/** The axis of `names`, each a word a line, so that long ones stand beside each other whole. */
export function categoryAxis(names: readonly string[]) {
  const tickvals = names.map(escapeHtml), ticktext = tickvals.map((name) => name.replaceAll(" ", "<br>"));
  return { type: "category", tickvals, ticktext, tickangle: 0, categoryarray: tickvals };
}
