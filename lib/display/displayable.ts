import { escapeHtml } from "./escape_html.ts";
import { type MediaBundle, showResult } from "./show_result.ts";
import { visible } from "./visible.ts";

/** The two ways of showing a value; each is called when it is shown, with the value as it then is. */
export interface Display<T> {
  /** For a terminal, and `text/plain` in a notebook. */
  text(value: T): string;
  /** For a notebook; without it the text is shown. */
  html?(value: T): string;
}

const htmlOf = Symbol("html of a displayable");

/**
 * Makes plain data display itself in notebooks and terminals, and returns it. The symbols are not enumerable: `JSON.stringify`,
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
  const bundle = (): MediaBundle => ({
    "text/html": display.html?.(value) ??
      `<pre style="max-height:24em;overflow:auto">${escapeHtml(display.text(value))}</pre>`,
    "text/plain": visible(display.text(value)),
  });
  return Object.defineProperties(value, {
    [Symbol.for("Jupyter.display")]: hidden(() => showResult(bundle())),
    [htmlOf]: hidden(() => bundle()["text/html"]),
    [Symbol.for("Deno.customInspect")]: hidden(() => visible(display.text(value))),
    toString: hidden(() => visible(display.text(value))),
  });
}

/** What a displayable value looks like in a page. */
export function displayedHtml(value: object): string {
  return (value as Record<symbol, () => string>)[htmlOf]();
}
