/** Indices of the tokens that lie, wholly or in part, inside a span of their joined text. */
export function tokensInside(
  tokens: readonly string[],
  span: { start: number; end: number } | null | undefined,
): number[] {
  const inside: number[] = [];
  if (!span) return inside;
  let at = 0;
  for (const [index, token] of tokens.entries()) {
    if (at < span.end && at + token.length > span.start) inside.push(index);
    at += token.length;
  }
  return inside;
}
