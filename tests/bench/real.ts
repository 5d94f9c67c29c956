/**
 * What a real model's shape takes, in a process of its own: loading (random weights straight in the form that they are kept in), sampling,
 * SFT and GRPO steps of a LoRA adapter of rank 16, the first beside the later ones, and the largest resident memory. Prints one JSON line.
 *
 *     deno run --allow-all tests/bench/real.ts [--shape smollm2] [--weights float32] [--parts sample,sft,grpo] [--steps 3] [--threads N]
 *         [--no-blas]
 *
 * The work of peers/real_cpu.py: 24 × 160 greedy tokens after prompts of 48; forward, backward and AdamW of 8 × 184 tokens, of which 84 are
 * completion (`--sft 4x128` for others); GRPO with 4 prompts × 8 completions of 100 tokens (`--grpo 4x8x100`), β 0.03, temperature 0.8. The first step comes
 * before the `--steps` that are timed. `--shape tiny` has less of everything.
 */
import { parseArgs } from "node:util";
import { setObserver } from "../../lib/display/observer.ts";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { peakMegabytes, secondsSinceStart } from "./process.ts";
import { randomShapedModel, type RandomWeights } from "./random_model.ts";
import { type Shape, shapes } from "./shapes.ts";
import { grpoSteps, realWork, sampling, sftStep, tinyWork } from "./workload.ts";

const { values } = parseArgs({
  options: {
    shape: { type: "string", default: "smollm2" },
    weights: { type: "string", default: "float32" },
    parts: { type: "string", default: "sample,sft,grpo" },
    sft: { type: "string" },
    grpo: { type: "string" },
    steps: { type: "string", default: "3" },
    threads: { type: "string" },
    "no-blas": { type: "boolean", default: false },
  },
});
const everyPart = ["sample", "sft", "grpo"], asked = values.parts.split(",");
const lost = asked.find((part) => !everyPart.includes(part));
if (!(values.shape in shapes) || lost !== undefined) {
  throw new RangeError(
    `choosing what to time: --shape takes one of ${Object.keys(shapes).join(", ")} and --parts some of ${
      everyPart.join(", ")
    }, got --shape ${values.shape} --parts ${values.parts}`,
  );
}
setObserver(null);
const threads = values.threads === undefined ? undefined : Number(values.threads);
await useBackend({ backend: "cpu", blas: !values["no-blas"], threads });
const parts = new Set(asked), steps = Number(values.steps);
const work = values.shape === "tiny" ? tinyWork : realWork;
const from = performance.now(), seconds = (from: number) => (performance.now() - from) / 1000;
const model = randomShapedModel(values.shape as Shape, values.weights as RandomWeights);
const results: Record<string, number> = { load_s: seconds(from) };
const middle = (times: number[]) => times.toSorted((a, b) => a - b)[times.length >> 1];

if (parts.has("sft")) {
  const [rows, length] = values.sft?.split("x").map(Number) ?? [];
  const sft = values.sft ? { rows, length, prompt: Math.round(length * 100 / 184) } : work.sft;
  const step = sftStep(model, { ...work, sft });
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
  const draw = sampling(model, work), rates: number[] = [];
  for (let i = 0; i < 2; i++) {
    const from = performance.now();
    await draw();
    rates.push(work.sampled.rows * work.sampled.tokens / seconds(from));
  }
  results.sample_tokens_per_s = Math.max(...rates);
}
if (parts.has("grpo")) {
  const times: number[] = [];
  let before = performance.now();
  const [prompts, group, newTokens] = values.grpo?.split("x").map(Number) ??
    [work.prompts, work.group, work.newTokens];
  await grpoSteps(model, steps + 1, { ...work, prompts, group, newTokens }, () => {
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
