import { escapeHtml } from "../report/escape_html.ts";
import type { MediaBundle } from "../report/figure.ts";

/** The key under which a value tells Jupyter how it looks. */
export const jupyterDisplay: unique symbol = Symbol.for("Jupyter.display") as never;
/** The key under which a value tells `console.log` how it looks. */
export const terminalDisplay: unique symbol = Symbol.for("Deno.customInspect") as never;

/** The two ways of showing a value; each is called when it is shown, so it sees the value as it then is. */
export interface Display {
  /** For a terminal, and `text/plain` in a notebook. */
  text(): string;
  /** For a notebook; without it the text is shown. */
  html?(): string;
}

/**
 * `Deno.jupyter` inside a Deno kernel, `undefined` elsewhere (where merely reading it throws).
 */
export function kernel(): typeof Deno.jupyter | undefined {
  try {
    return Deno.jupyter;
  } catch {
    return undefined;
  }
}

/**
 * Gives plain data a face and returns it. The symbols are not enumerable: `JSON.stringify`, spread, `Object.keys`,
 * `structuredClone` and deep equality see the data alone, so what is saved is what was there.
 *
 * @example
 * ```ts
 * const run = displayable({ steps: 3 }, { text: () => "a run of 3 steps" });
 * console.log(run); // a run of 3 steps
 * JSON.stringify(run); // {"steps":3}
 * ```
 */
export function displayable<T extends object>(value: T, display: Display): T {
  const hidden = (result: unknown) => ({
    value: result,
    enumerable: false,
    configurable: true,
    writable: true,
  });
  Object.defineProperties(value, {
    [jupyterDisplay]: hidden((): MediaBundle => ({
      "text/html": display.html?.() ?? `<pre>${escapeHtml(display.text())}</pre>`,
      "text/plain": display.text(),
    })),
    [terminalDisplay]: hidden(() => display.text()),
  });
  return value;
}
