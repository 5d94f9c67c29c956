const names: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** What is written where a person sees nothing, or sees another thing than stands there, but joiners that words and emoji are spelt with. */
export const hidden: RegExp =
  /(?![\u200c\u200d\ufe00-\ufe0f\u034f\u180b-\u180d\u180f\u{e0100}-\u{e01ef}])[\p{Cc}\p{Cs}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\u2028\u2029\ufff9-\ufffb]/gu;

/** A character as an escape: `\n`, `\u{1b}`. */
const escaped = (character: string) => names[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`;

/**
 * A text that does a terminal or a page no harm and hides nothing: control characters (ESC begins a terminal's commands, NUL ends
 * a file for some programs), halves of characters, invisible ones and those that turn the direction of writing stand as `\u{1b}`.
 * Line breaks and tabs stay.
 *
 * @example
 * ```ts
 * visible("\x1b[2Jgone"); // "\\u{1b}[2Jgone"
 * ```
 */
export function visible(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(
    hidden,
    (character) => character === "\n" || character === "\t" ? character : escaped(character),
  );
}

/** {@linkcode visible} on one line: line breaks and tabs are escaped too. */
export function visibleLine(text: string): string {
  return text.replace(hidden, escaped);
}
