let chosen: boolean | undefined;

/** Whether work is done silently: as {@linkcode quiet} said last, else where `SHOWWORK_QUIET` is 1. */
export function isQuiet(): boolean {
  return chosen ?? Deno.env.get("SHOWWORK_QUIET") === "1";
}

/**
 * Makes stages, evaluations and the choice of a backend print nothing, or with `false` speak again; `SHOWWORK_QUIET=1` does it from outside.
 * What they found stays in what they return, such as `run.diagnoses`; errors are thrown as ever, and Ctrl-C still ends a stage after its step.
 *
 * @example
 * ```ts
 * import { quiet } from "../../mod.ts";
 * quiet(); // from here on a script prints what it prints itself
 * quiet(false);
 * ```
 */
export function quiet(on = true): void {
  chosen = on;
}
