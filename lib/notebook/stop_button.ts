import { PlainError } from "../display/plain_error.ts";
import { kernel } from "../display/kernel.ts";

/** What a stage asks between two steps: has a person pressed ■ or Ctrl-C? */
export interface StopButton {
  /** True from the first press on: end after the current step, save, return what there is. */
  readonly pressed: boolean;
  /** Aborts on the second press: end at once. `signal.throwIfAborted()` throws {@linkcode StoppedError}. */
  readonly signal: AbortSignal;
  /** Gives the button back; always call it, in `finally`. `using button = stopButton()` does. */
  release(): void;
  /** For `using`. */
  [Symbol.dispose](): void;
}

/** A person pressed stop twice, so the stage ended without finishing its step. */
export class StoppedError extends PlainError {
  override name = "StoppedError";
}

interface OpenButton {
  presses: number;
  controller: AbortController;
}

const open = new Set<OpenButton>();
let listening = false;

function press() {
  const inKernel = kernel() !== undefined;
  for (const button of open) {
    button.presses++;
    if (button.presses === 2) {
      button.controller.abort(new StoppedError("Stopped at once: stop was pressed twice"));
    }
  }
  const twice = [...open].some((button) => button.presses > 1);
  if (inKernel) return;
  if (twice || !open.size) Deno.exit(130);
  console.error("\nStopping after this step and saving; press Ctrl-C again to end at once.");
}

/**
 * Makes SIGINT harmless while no stage runs. Without a listener, ■ ends the Deno kernel and every variable with it
 * (denoland/deno#24491); with this one, which stays for the life of the kernel, a press between cells does nothing.
 * Outside a kernel it does nothing.
 */
export function keepKernelAlive(): void {
  if (kernel() && !listening) listen();
}

function listen() {
  Deno.addSignalListener("SIGINT", press);
  listening = true;
}

/**
 * Listens for Jupyter's ■ and for Ctrl-C (both are SIGINT). The first press sets `pressed` on every open button, so a
 * stage inside a loop of stages ends, and so does the loop; the second press aborts `signal`, and in a terminal ends
 * the process with status 130. Buttons may be nested; the listener goes with the last one in a terminal, and stays in
 * a kernel (see {@linkcode keepKernelAlive}). A signal is seen when the event loop turns, so the loop that asks must
 * await a macrotask between its steps: `await new Promise((done) => setTimeout(done))`.
 *
 * @example
 * ```ts
 * import { stopButton } from "../../mod.ts";
 * using button = stopButton();
 * for (let step = 0; step < 3 && !button.pressed; step++) await new Promise((done) => setTimeout(done));
 * ```
 */
export function stopButton(): StopButton {
  const own: OpenButton = { presses: 0, controller: new AbortController() };
  open.add(own);
  if (!listening) listen();
  const release = () => {
    if (!open.delete(own) || open.size || kernel()) return;
    Deno.removeSignalListener("SIGINT", press);
    listening = false;
  };
  return {
    get pressed() {
      return own.presses > 0;
    },
    signal: own.controller.signal,
    release,
    [Symbol.dispose]: release,
  };
}
