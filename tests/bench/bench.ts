/**
 * `deno task bench`: matrix products, every fused operation against its tfjs-core reference, and the work of peers/trl_cpu.py: SFT
 * step, sampling, GRPO step. Medians; run it with nothing else running. A readable table, then one JSON line under trl_cpu.py's
 * names.
 *
 *     deno task bench [--sizes small,medium] [--threads N] [--no-blas] [--stock]
 *
 * `--no-blas` leaves the native library out. `--stock` times stock tfjs-wasm too, in a process of its own (a minute more).
 */
import { parseArgs } from "node:util";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { setObserver } from "../../lib/display/observer.ts";
import { timeOperations } from "./fused_operations.ts";
import { median } from "./median.ts";
import { grpoSteps, randomModel, sampling, sftStep, type Size, sizes, work } from "./workload.ts";

const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: Object.keys(sizes).join() },
    threads: { type: "string" },
    "no-blas": { type: "boolean", default: false },
    stock: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    grpo: { type: "string" },
  },
});
const wanted = (values.grpo ?? values.sizes).split(",");
const unknown = wanted.find((size) => !(size in sizes));
if (unknown !== undefined) {
  throw new RangeError(
    `choosing what to time: --sizes takes ${Object.keys(sizes).join(", ")}, got ${unknown}`,
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
    startSeconds ??= (performance.timeOrigin + performance.now() -
      Number(Deno.env.get("STARTED_MS") ?? performance.timeOrigin)) / 1000;
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
if (!values.json) {
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
const results = Object.fromEntries(names.map((name) => [name, {}])) as Record<
  typeof names[number],
  Record<string, number>
>;
for (const size of wanted as Size[]) {
  const model = randomModel(size);
  results.sft_step_s[size] = await median(7, sftStep(model)) / 1000;
  const drawn = work.prompts * work.group * work.newTokens;
  results.sample_tokens_per_s[size] = drawn / await median(5, sampling(model)) * 1000;
  model.dispose();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", import.meta.filename!, ...Deno.args, "--grpo", size],
    env: { STARTED_MS: String(Date.now()) },
    stderr: "inherit",
  });
  const { success, stdout } = await child.output();
  if (!success) throw new Error(`timing GRPO on the ${size} shape failed; its message is above`);
  const timed = JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
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
if (values.stock) {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", new URL("stock.ts", import.meta.url).pathname],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("timing stock tfjs-wasm failed; its message is above");
  const stock = JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
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

/** The process's largest resident memory so far in MB, from the kernel; NaN where there is no /proc. */
function peakMegabytes(): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))?.[1]) / 1024;
  } catch {
    return NaN;
  }
}
