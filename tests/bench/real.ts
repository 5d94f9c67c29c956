/**
 * What a real model's shape takes, in a process of its own: loading (random weights straight in the form that they are kept in), sampling,
 * SFT and GRPO steps of a LoRA adapter of rank 16, the first beside the later ones, and the largest resident memory. Prints one JSON line.
 *
 *     deno run --allow-all tests/bench/real.ts [--shape smollm2] [--weights float32] [--parts sample,sft,grpo] [--threads N] [--no-blas]
 *
 * The work of peers/real_cpu.py: 24 × 160 greedy tokens after prompts of 48; forward, backward and AdamW of 8 × 184 tokens, of which 84 are
 * completion (`--sft 4x128` for others); GRPO with 4 prompts × 8 completions of 100 tokens, β 0.03, temperature 0.8.
 */
import { parseArgs } from "node:util";
import { setObserver } from "../../lib/display/observer.ts";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { peakMegabytes, secondsSinceStart } from "./process.ts";
import { randomShapedModel, type RandomWeights } from "./random_model.ts";
import type { Shape } from "./shapes.ts";
import { grpoSteps, realWork, sampling, sftStep } from "./workload.ts";

const { values } = parseArgs({
  options: {
    shape: { type: "string", default: "smollm2" },
    weights: { type: "string", default: "float32" },
    parts: { type: "string", default: "sample,sft,grpo" },
    sft: { type: "string", default: "8x184" },
    steps: { type: "string", default: "3" },
    threads: { type: "string" },
    "no-blas": { type: "boolean", default: false },
  },
});
setObserver(null);
const threads = values.threads === undefined ? undefined : Number(values.threads);
await useBackend({ backend: "cpu", blas: !values["no-blas"], threads });
const parts = new Set(values.parts.split(",")), steps = Number(values.steps);
const from = performance.now(), seconds = (from: number) => (performance.now() - from) / 1000;
const model = randomShapedModel(values.shape as Shape, values.weights as RandomWeights);
const results: Record<string, number> = { load_s: seconds(from) };
const middle = (times: number[]) => times.toSorted((a, b) => a - b)[times.length >> 1];

if (parts.has("sft")) {
  const [rows, length] = values.sft.split("x").map(Number);
  const step = sftStep(model, { ...realWork, sft: { rows, length, prompt: Math.round(length * 100 / 184) } });
  const times: number[] = [];
  for (let i = 0; i <= steps; i++) {
    const from = performance.now();
    await step();
    times.push(seconds(from));
  }
  [results.sft_first_s] = times;
  results.sft_step_s = middle(times.slice(1));
}
if (parts.has("sample")) {
  const draw = sampling(model, realWork), rates: number[] = [];
  for (let i = 0; i < 2; i++) {
    const from = performance.now();
    await draw();
    rates.push(realWork.sampled.rows * realWork.sampled.tokens / seconds(from));
  }
  results.sample_tokens_per_s = Math.max(...rates);
}
if (parts.has("grpo")) {
  const times: number[] = [];
  let before = performance.now();
  await grpoSteps(model, steps, realWork, () => {
    results.start_s ??= secondsSinceStart();
    times.push(seconds(before));
    before = performance.now();
  });
  [results.grpo_first_s] = times;
  results.grpo_step_s = middle(times.slice(1));
}
results.peak_rss_mb = peakMegabytes();
console.log(JSON.stringify(results, (_, x) => typeof x === "number" ? Number(x.toPrecision(4)) : x));
Deno.exit(0);
