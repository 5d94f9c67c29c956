import { escapeHtml } from "../display/escape_html.ts";

/** Letters that stand side by side below a figure's whole width. */
const lettersAbreast = 192;

/**
 * The axis of `names` in one of `panels` panels side by side: each a word a line, so that long ones stand beside each other whole, and
 * aslant where even words are too long for that.
 */
export function categoryAxis(names: readonly string[], panels: number) {
  const tickvals = names.map(escapeHtml);
  const longest = Math.max(0, ...names.flatMap((name) => name.split(" ")).map((word) => word.length));
  const aslant = longest * names.length * panels > lettersAbreast;
  const ticktext = aslant ? tickvals : tickvals.map((name) => name.replaceAll(" ", "<br>"));
  return {
    type: "category",
    tickvals,
    ticktext,
    tickangle: aslant ? -40 : 0,
    automargin: aslant,
    categoryarray: tickvals,
  };
}
