/**
 * Stock tfjs-wasm, as `npm install` gives it, on the small shape of `workload.ts`: an SFT step with the references of our operations,
 * and greedy sampling with a key-value cache. A process of its own, because our engine takes the place of stock kernels. Prints one
 * JSON line.
 */
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { createRequire } from "node:module";
import { median } from "./median.ts";
import { stockDecode } from "./stock_decode.ts";
import { randomModel, sftStep, work } from "./workload.ts";

const packageFile = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json");
setWasmPaths(packageFile.replace(/package\.json$/, "dist/"));
await tf.setBackend("wasm");
await tf.ready();
const model = randomModel("small"), rows = work.prompts * work.group;
const sft = await median(1, sftStep(model));
const prompt = Array.from({ length: work.promptLength }, (_, i) => 4 + i);
const sample = await median(1, () => stockDecode(model.decoder, prompt, { rows, tokens: work.newTokens }));
console.log(
  JSON.stringify({ sft_step_s: sft / 1000, sample_tokens_per_s: rows * work.newTokens / sample * 1000 }),
);
Deno.exit(0);
