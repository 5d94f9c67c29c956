import { escapeHtml } from "../display/escape_html.ts";

/** Letters that the names of one axis take side by side in a panel of a third of a page. */
const lettersAbreast = 64;

/** The axis of `names`, each a word a line, so that long ones stand beside each other whole; aslant where even words are too long. */
export function categoryAxis(names: readonly string[]) {
  const tickvals = names.map(escapeHtml);
  const longest = Math.max(0, ...names.flatMap((name) => name.split(" ")).map((word) => word.length));
  const aslant = longest * names.length > lettersAbreast;
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
