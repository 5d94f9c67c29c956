/**
 * Importing this file connects every stage with the notebook: a live panel while it works and a stop button that ends it. The stages
 * stand on a lower floor and know only the observer, so that they can run, and be tested, without either.
 *
 * @module
 */
import { setObserver } from "../display/observer.ts";
import { livePanel } from "./live_panel.ts";
import { keepKernelAlive, stopButton } from "./stop_button.ts";

setObserver({ view: livePanel, stop: stopButton });
keepKernelAlive();
