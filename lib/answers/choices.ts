/** An option of a multiple-choice question: its letter, and its text where that is said. */
export interface Choice {
  letter: string;
  text: string;
}

/**
 * Reads `B)`, `(B) 24`, `Option B`, `B. Paris`; `null` for anything else. A letter alone is one too.
 *
 * @example
 * ```ts
 * import { readChoice } from "./choices.ts";
 * readChoice("(B) 24"); // { letter: "B", text: "24" }
 * ```
 */
export function readChoice(text: string): Choice | null {
  const bare =
    /^(?:(?:option|choice|answer) )?\(?([A-J])\)?$|^(?:option|choice) \(?([a-j])\)?$|^\(([a-j])\)$|^([a-j])\)$/i
      .exec(text);
  if (bare) return { letter: (bare[1] ?? bare[2] ?? bare[3] ?? bare[4]).toUpperCase(), text: "" };
  const full = /^(?:(?:option|choice) )?(?:\(([A-Ja-j])\)|([A-J])[).:]|([a-j])\)) ?(?=\S)(.+)$/.exec(text);
  return full && { letter: (full[1] ?? full[2] ?? full[3]).toUpperCase(), text: full[4].trim() };
}

/** The letters of several options, `A and C`, `A,C`, `(A) & (C)`, in order; `null` where there is anything else. */
export function readChoices(text: string): string[] | null {
  const parts = text.replace(/^both /i, "").split(/ ?(?:,? and |[,;&]|,? or ) ?/i);
  if (parts.length < 2) return null;
  const choices = parts.map((part) => /^(?:option |choice )?\(?([A-J])[).]?$/.exec(part)?.[1]);
  return choices.every((letter) => letter !== undefined) ? (choices as string[]).sort() : null;
}
