/** Indices of the tokens that lie, wholly or in part, inside the first `<answer>…</answer>` of their joined text. */
export function answerTokens(pieces: readonly string[]): number[] {
  const text = pieces.join(""),
    open = text.indexOf("<answer>"),
    start = open + "<answer>".length,
    end = text.indexOf("</answer>", start);
  if (open < 0 || end < 0) return [];
  const inside: number[] = [];
  let at = 0;
  for (const [index, piece] of pieces.entries()) {
    if (at < end && at + piece.length > start) inside.push(index);
    at += piece.length;
  }
  return inside;
}
