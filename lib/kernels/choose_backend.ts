import * as tf from "@tensorflow/tfjs";
import { useBackend } from "./use_backend.ts";

let choice: Promise<void> | undefined;

/**
 * Chooses a backend as {@linkcode useBackend} does where nobody has, and says so on stderr: what loads a model calls it before the
 * first tensor is made.
 */
export function chooseBackend(): Promise<void> {
  if (tf.getBackend() !== undefined) return Promise.resolve();
  return choice ??= useBackend().then((description) =>
    console.warn(`${Deno.inspect(description)}\nNobody had chosen a backend; useBackend() chooses another.`)
  ).finally(() => choice = undefined);
}
