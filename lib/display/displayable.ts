import { escapeHtml } from "./escape_html.ts";
import { visible } from "./visible.ts";

/** What a Jupyter front end may choose from, by media type. */
export type MediaBundle = Record<string, string | Record<string, unknown>>;

/** The two ways of showing a value; each is called when it is shown, with the value as it then is. */
export interface Display<T> {
  /** For a terminal, and `text/plain` in a notebook. */
  text(value: T): string;
  /** For a notebook; without it the text is shown. */
  html?(value: T): string;
}

/**
 * Gives plain data a face in notebooks and terminals, and returns it. The symbols are not enumerable: `JSON.stringify`,
 * spread, `Object.keys`, `structuredClone` and deep equality see the data alone, so what is saved is what was there.
 *
 * @example
 * ```ts
 * const run = displayable({ steps: 3 }, { text: (run) => `a run of ${run.steps} steps` });
 * console.log(run); // a run of 3 steps
 * JSON.stringify(run); // {"steps":3}
 * ```
 */
export function displayable<T extends object>(value: T, display: Display<T>): T {
  const hidden = (result: unknown) => ({
    value: result,
    enumerable: false,
    configurable: true,
    writable: true,
  });
  return Object.defineProperties(value, {
    [Symbol.for("Jupyter.display")]: hidden((): MediaBundle => ({
      "text/html": display.html?.(value) ??
        `<pre style="max-height:24em;overflow:auto">${escapeHtml(display.text(value))}</pre>`,
      "text/plain": visible(display.text(value)),
    })),
    [Symbol.for("Deno.customInspect")]: hidden(() => visible(display.text(value))),
  });
}
