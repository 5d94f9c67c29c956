import * as tf from "@tensorflow/tfjs";
import { isQuiet } from "../display/quiet.ts";
import { useBackend } from "./use_backend.ts";

let choice: Promise<void> | undefined;

/**
 * Chooses a backend as {@linkcode useBackend} does where nobody has, and says so on stderr, unless it is to be quiet: what loads a model calls it before the
 * first tensor is made.
 */
export function chooseBackend(): Promise<void> {
  if (tf.getBackend() !== undefined) return Promise.resolve();
  return choice ??= useBackend().then((description) => {
    if (isQuiet()) return;
    console.warn(`${Deno.inspect(description)}\nNobody had chosen a backend; useBackend() chooses another.`);
  }).finally(() => choice = undefined);
}
