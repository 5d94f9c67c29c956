/** Braces among words that a reply may have. */
const mostBraces = 200;

/**
 * The one JSON object of a model's reply that was not held to JSON: after `</think>`, in a code fence or among words. `undefined` when
 * there is none, or more than one, since then nothing says which is meant.
 *
 * @example
 * ```ts
 * import { soleObject } from "./sole_object.ts";
 * soleObject('<think>{…}</think>Here you are: {"a": 1}. Is it right?'); // { a: 1 }
 * ```
 */
export function soleObject(reply: string): unknown {
  const text = reply.slice(
    Math.max(0, ...[...reply.matchAll(/<\/think(?:ing)?>/g)].map((m) => m.index + m[0].length)),
  );
  const found: unknown[] = [];
  let words = 0;
  for (let at = text.indexOf("{"); at >= 0 && words < mostBraces; at = text.indexOf("{", at)) {
    const end = endOfObject(text, at);
    let value: unknown;
    try {
      value = JSON.parse(text.slice(at, end));
    } catch {
      at++; // a brace among words
      words++;
      continue;
    }
    found.push(value);
    at = end;
  }
  return found.length === 1 && words < mostBraces ? found[0] : undefined;
}

/** Where the object that begins at `start` ends, exclusive; braces in strings don't count. */
function endOfObject(text: string, start: number): number {
  let depth = 0, inString = false;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (inString) {
      if (character === "\\") at++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "{") depth++;
    else if (character === "}" && --depth === 0) return at + 1;
  }
  return start;
}
