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
 * import { readChoice } from "./read_choice.ts";
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
