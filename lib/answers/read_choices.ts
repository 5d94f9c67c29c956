/** The letters of several options, `A and C`, `A,C`, `(A) & (C)`, in order; `null` where there is anything else. */
export function readChoices(text: string): string[] | null {
  const parts = text.replace(/^both /i, "").split(/ ?(?:,? and |[,;&]|,? or ) ?/i);
  if (parts.length < 2) return null;
  const choices = parts.map((part) => /^(?:option |choice )?\(?([A-J])[).]?$/.exec(part)?.[1]);
  return choices.every((letter) => letter !== undefined) ? (choices as string[]).sort() : null;
}
