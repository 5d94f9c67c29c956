import * as tf from "@tensorflow/tfjs";
import type { Decoder } from "../../lib/models/decoder.ts";

/** Gives the adapter in use an effect: its matrices B become normal numbers, the same on every run (tfjs takes seed 0 for none). */
export function drawAdapter(decoder: Decoder, deviation: number): void {
  for (const [i, { b }] of [...decoder.lora.values()].entries()) {
    tf.tidy(() => b.assign(tf.randomNormal(b.shape, 0, deviation, "float32", i + 1) as tf.Tensor2D));
  }
}
