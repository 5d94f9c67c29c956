// Prints what a program gets that never calls useBackend(): run by choose_backend_test.ts in a process of its own.
import * as tf from "@tensorflow/tfjs";
import { device } from "../../lib/kernels/device.ts";
import { initialWeights } from "../../lib/models/initial_weights.ts";
import { Decoder } from "../../lib/models/decoder.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { tinyConfig } from "./webgpu/tiny_decoder.ts";

let refusal = "";
try {
  new Decoder(tinyConfig, initialWeights(tinyConfig, { seed: 1, standardDeviation: 0.02 }));
} catch (error) {
  refusal = (error as Error).message;
}
const folder = new URL("../../data/models/tiny-gemma", import.meta.url).pathname;
const [first, second] = await Promise.all([loadModel(folder), loadModel(folder)]);
console.log(JSON.stringify({ refusal, backend: tf.getBackend(), ours: device().kernels !== null }));
first.dispose();
second.dispose();
Deno.exit();
