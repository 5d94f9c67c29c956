import { setObserver } from "../training/observer.ts";
import { livePanel } from "./live_panel.ts";
import { keepKernelAlive, stopButton } from "./stop_button.ts";

/**
 * Gives every stage its face: a live panel while it works and a stop button that ends it. The stages stand on a lower
 * floor and know only the observer; importing the toolkit puts this one in place, and calling it again changes nothing.
 *
 * @example
 * ```ts
 * observe();
 * await sft(model, data.train, config.sft); // shows a panel; ■ or Ctrl-C ends it after the step in hand
 * ```
 */
export function observe(): void {
  setObserver({ view: livePanel, stop: stopButton });
  keepKernelAlive();
}
