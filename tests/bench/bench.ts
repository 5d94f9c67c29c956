/**
 * `deno task bench`: matrix products, every fused operation against its tfjs-core reference, and the work of peers/trl_cpu.py: SFT
 * step, sampling, GRPO step. Medians; run it with nothing else running. A readable table, then one JSON line under trl_cpu.py's
 * names.
 *
 *     deno task bench [--sizes small,medium,real] [--threads N] [--no-blas] [--stock]
 *
 * `real` is SmolLM2's shape under a LoRA adapter, the work of peers/real_cpu.py, some minutes; `--tiny` makes it a model of two layers,
 * to see that it runs. `--no-blas` leaves the native library out. `--stock` times stock tfjs-wasm too, in a process of its own (a minute more).
 */
import { parseArgs } from "node:util";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { setObserver } from "../../lib/display/observer.ts";
import { timeOperations } from "./fused_operations.ts";
import { median } from "./median.ts";
import { lastJsonLine, peakMegabytes, secondsSinceStart } from "./process.ts";
import { realPart, realParts } from "./real_part.ts";
import { grpoSteps, randomModel, sampling, sftStep, type Size, sizes, work } from "./workload.ts";

const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: Object.keys(sizes).join() },
    tiny: { type: "boolean", default: false },
    threads: { type: "string" },
    "no-blas": { type: "boolean", default: false },
    stock: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    grpo: { type: "string" },
  },
});
const wanted = (values.grpo ?? values.sizes).split(",");
const unknown = wanted.find((size) => !(size in sizes || size === "real" && !values.grpo));
if (unknown !== undefined) {
  throw new RangeError(
    `choosing what to time: --sizes takes ${[...Object.keys(sizes), "real"].join(", ")}, got ${unknown}`,
  );
}
if (values.stock && !wanted.includes("small")) {
  throw new RangeError(
    `choosing what to time: --stock is compared with the small size, and --sizes has ${
      wanted.join(", ")
    } alone: add small`,
  );
}
const threads = values.threads === undefined ? undefined : Number(values.threads);
if (threads !== undefined && !(Number.isInteger(threads) && threads > 0)) {
  throw new RangeError(`choosing what to time: --threads takes a whole number from 1, got ${values.threads}`);
}
setObserver(null);
const backend = await useBackend({ backend: "cpu", blas: !values["no-blas"], threads });

if (values.grpo) {
  // a process of its own, for its start and its peak memory: from its first moment to the end of its first step
  let startSeconds: number | null = null;
  const run = await grpoSteps(randomModel(values.grpo as Size), 8, work, () => {
    startSeconds ??= secondsSinceStart();
  });
  const steps = run.steps.slice(1).map(({ seconds }) => seconds.total).sort((a, b) => a - b);
  console.log(JSON.stringify({
    grpo_step_s: steps[steps.length >> 1],
    start_s: startSeconds,
    peak_rss_mb: peakMegabytes(),
  }));
  Deno.exit(0);
}

const say = values.json ? () => {} : console.log;
say(backend);
if (!values.json && wanted.some((size) => size in sizes)) {
  const engine = await startEngine({ blas: !values["no-blas"], threads });
  say("\nMatrix products [m × k]·[k × n], GFLOP/s");
  for (const [m, n, k] of [[1024, 1024, 1024], [3072, 512, 128], [512, 128, 3072], [32, 512, 128]]) {
    const [a, b, c] = [m * k, k * n, m * n].map((size) => engine.output([size]));
    for (const x of [a, b]) engine.kernels.fill(engine.at(x), x.size, 0.5);
    const repeats = Math.ceil(2e9 / (2 * m * n * k));
    const ms = await median(5, () => {
      for (let i = 0; i < repeats; i++) {
        engine.gemm(false, true, m, n, k, engine.at(a), k, engine.at(b), k, engine.at(c), n);
      }
    });
    say(
      `  ${`${m} × ${k} × ${n}`.padEnd(20)} ${(2 * m * n * k * repeats / ms / 1e6).toFixed(0).padStart(6)}`,
    );
    for (const x of [a, b, c]) x.dispose();
  }
  say("\nFused operations and their references, forward and backward, 3072 rows of the small shape, ms");
  for (const { name, fused, reference } of await timeOperations()) {
    const cell = (ms: number) => ms.toFixed(2).padStart(9);
    say(`  ${name.padEnd(20)} ${cell(fused)} ${cell(reference)}   ×${(reference / fused).toFixed(1)}`);
  }
}

const names = ["grpo_step_s", "sample_tokens_per_s", "sft_step_s", "start_s", "peak_rss_mb"] as const;
const results: Record<string, Record<string, number>> = Object.fromEntries(names.map((name) => [name, {}]));
for (const size of wanted.filter((size) => size in sizes) as Size[]) {
  const model = randomModel(size);
  results.sft_step_s[size] = await median(7, sftStep(model)) / 1000;
  const drawn = work.prompts * work.group * work.newTokens;
  results.sample_tokens_per_s[size] = drawn / await median(5, sampling(model)) * 1000;
  model.dispose();
  const timed = await lastJsonLine(Deno.execPath(), [
    ...["run", "--allow-all", import.meta.filename!, ...Deno.args, "--grpo", size],
  ]);
  for (const name of ["grpo_step_s", "start_s", "peak_rss_mb"] as const) results[name][size] = timed[name];
  const at = (name: typeof names[number], digits: number) => results[name][size].toFixed(digits);
  say(
    `\n${size}: SFT step ${at("sft_step_s", 3)} s, sampling ${
      at("sample_tokens_per_s", 0)
    } tokens/s, GRPO step ${at("grpo_step_s", 3)} s, first step done ${
      at("start_s", 2)
    } s after the start, at most ${at("peak_rss_mb", 0)} MB`,
  );
}
if (wanted.includes("real")) {
  const flags = [...threads ? ["--threads", `${threads}`] : [], ...values["no-blas"] ? ["--no-blas"] : []];
  say(`\nreal${values.tiny ? ", tiny" : ""}:`);
  for (const part of realParts) {
    for (const [name, value] of Object.entries(await realPart(part, { tiny: values.tiny, flags }))) {
      (results[name] ??= {}).real = value;
      say(`  ${name.padEnd(20)} ${value.toPrecision(4).padStart(9)}`);
    }
  }
}
if (values.stock) {
  const stock = await lastJsonLine(Deno.execPath(), [
    ...["run", "--allow-all", new URL("stock.ts", import.meta.url).pathname],
  ]);
  const faster = [
    stock.sft_step_s / results.sft_step_s.small,
    results.sample_tokens_per_s.small / stock.sample_tokens_per_s,
  ];
  say(
    `\nstock tfjs-wasm, small: SFT step ${stock.sft_step_s.toFixed(2)} s (ours ×${
      faster[0].toFixed(1)
    }), greedy sampling ${stock.sample_tokens_per_s.toFixed(0)} tokens/s (ours ×${faster[1].toFixed(1)})`,
  );
}
console.log(JSON.stringify(results, (_, x) => typeof x === "number" ? Number(x.toPrecision(4)) : x));
Deno.exit(0);
