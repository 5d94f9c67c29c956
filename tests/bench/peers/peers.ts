/**
 * `deno task bench:peers`: the same work by us and by TRL, peft, transformers and PyTorch, in turn, and the ratios of the medians. Nothing
 * else should run. Opt-in, because it makes a Python environment of its own (`tests/bench/peers/.venv`, some GB): set
 * SHOWWORK_PEERS_PYTHON to a Python that has torch, transformers, trl, peft and datasets to use that instead.
 *
 *     deno task bench:peers [--sizes small,medium,real] [--rounds 3] [--parts sample,sft,grpo,grpo_q4] [--steps 3] [--tiny]
 *
 * `real` is SmolLM2's shape under a LoRA adapter of rank 16: some ten minutes a round, and one of the `--parts`, GRPO by TRL, takes up to
 * 17 GB. `--tiny` makes it a model of two layers, to see that it runs.
 */
import { parseArgs } from "node:util";
import { lastJsonLine } from "../process.ts";
import { type RealPart, realPart, realParts } from "../real_part.ts";
import { shapes } from "../shapes.ts";
import { realWork, type Size, sizes, tinyWork } from "../workload.ts";
import {
  compareFigures,
  type Comparison,
  comparisonTable,
  type Figures,
  type Target,
} from "./compare_figures.ts";
import { needMemory } from "./need_memory.ts";

const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: Object.keys(sizes).join() },
    rounds: { type: "string", default: "3" },
    parts: { type: "string", default: realParts.join() },
    steps: { type: "string", default: "3" },
    tiny: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds), steps = Number(values.steps), chosen = values.sizes.split(",");
const parts = values.parts.split(",") as RealPart[];
const whole = (count: number) => Number.isInteger(count) && count > 0;
if (
  !whole(rounds) || !whole(steps) || chosen.some((size) => !(size in sizes || size === "real")) ||
  parts.some((part) => !realParts.includes(part))
) {
  throw new RangeError(
    `choosing what to time: --rounds and --steps take a whole number from 1, --sizes some of ${
      [...Object.keys(sizes), "real"].join(", ")
    }, --parts some of ${
      realParts.join(", ")
    }, got --rounds ${values.rounds} --steps ${values.steps} --sizes ${values.sizes} --parts ${values.parts}`,
  );
}

const atMost = (value: number): Target => ({ value }),
  atLeast = (value: number): Target => ({ value, least: true });
const firstStep: Target = { value: 1.5, alone: true };
/** What the issue asks for: our figure over theirs. */
const targets: Record<Size, Record<string, Target>> = {
  small: {
    grpo_step_s: atMost(1 / 3),
    sample_tokens_per_s: atLeast(6),
    sft_step_s: atMost(0.6),
    start_s: atMost(0.25),
    peak_rss_mb: atMost(0.5),
  },
  medium: {
    grpo_step_s: atMost(1 / 2),
    sample_tokens_per_s: atLeast(3),
    sft_step_s: atMost(0.8),
    start_s: atMost(0.25),
    peak_rss_mb: atMost(0.5),
  },
};
/** The same of `real`, part by part. */
const realTargets: Record<RealPart, Record<string, Target | null>> = {
  sample: { sample_tokens_per_s: atLeast(3) },
  sft: { sft_step_s: atMost(0.5), sft_first_over_later: firstStep },
  grpo: {
    grpo_step_s: atMost(1 / 3),
    grpo_first_over_later: firstStep,
    start_s: null,
    peak_rss_mb: atMost(0.25),
  },
  grpo_q4: { grpo_step_q4_s: null, peak_rss_q4_mb: atMost(0.15) },
};

async function python(): Promise<string> {
  const given = Deno.env.get("SHOWWORK_PEERS_PYTHON");
  if (given) return given;
  const folder = new URL(".venv", import.meta.url).pathname, own = `${folder}/bin/python`;
  try {
    await Deno.stat(`${folder}/ready`);
  } catch {
    console.log("making a Python environment for the peers, once: some GB and some minutes");
    for (
      const [command, ...args] of [
        ["python3", "-m", "venv", folder],
        [own, "-m", "pip", "install", "--quiet", "torch==2.13.0", "transformers", "trl", "peft", "datasets"],
      ]
    ) {
      const { success } = await new Deno.Command(command, { args }).spawn().status;
      if (!success) {
        throw new Error(`making the peers' environment: ${command} ${args.join(" ")} failed, see above`);
      }
    }
    await Deno.writeTextFile(`${folder}/ready`, "");
  }
  return own;
}

const beside = (name: string) => new URL(name, import.meta.url).pathname;
if (chosen.includes("real") && !values.tiny && parts.some((part) => part.startsWith("grpo"))) {
  needMemory("timing TRL's GRPO on SmolLM2's shape", {
    bytes: 17e9,
    wayOut: "leave it out with --parts sample,sft",
  });
}
const interpreter = await python();

/** A round of a size: ours and theirs. */
async function round(size: Size): Promise<[Figures, Figures]> {
  const line = await lastJsonLine(Deno.execPath(), [
    ...["run", "--allow-all", beside("../bench.ts"), "--json", "--sizes", size],
  ]);
  const ours = Object.fromEntries(Object.keys(targets[size]).map((name) => [name, line[name][size]]));
  const script = beside("trl_cpu.py"),
    alone = await lastJsonLine(interpreter, [script, "--size", size, "--grpo"]);
  const all = await lastJsonLine(interpreter, [script, "--size", size]);
  return [ours, { ...all, start_s: alone.start_s, peak_rss_mb: alone.peak_rss_mb }];
}

/** A round of `real`: part by part, ours and then theirs. */
async function realRound(): Promise<[Figures, Figures]> {
  const { tiny } = values, ours: Figures = {}, theirs: Figures = {};
  for (const part of parts) {
    Object.assign(ours, await realPart(part, { tiny, flags: ["--steps", `${steps}`] }));
    // TRL holds no weights in 4 bits on a CPU: what it takes in float32 stands beside ours in both
    if (part === "grpo_q4" && "grpo_step_s" in theirs) continue;
    Object.assign(
      theirs,
      await lastJsonLine(interpreter, [
        beside("real_cpu.py"),
        ...["--part", part.replace("_q4", ""), "--steps", `${steps}`],
        ...["--shape", JSON.stringify(tiny ? shapes.tiny : shapes.smollm2)],
        ...["--work", JSON.stringify(tiny ? tinyWork : realWork)],
      ]),
    );
  }
  for (const figures of [ours, theirs]) {
    for (const stage of ["sft", "grpo"]) {
      figures[`${stage}_first_over_later`] = figures[`${stage}_first_s`] / figures[`${stage}_step_s`];
    }
  }
  theirs.grpo_step_q4_s = theirs.grpo_step_s;
  theirs.peak_rss_q4_mb = theirs.peak_rss_mb;
  return [ours, theirs];
}

const summary: Record<string, Record<string, Comparison>> = {};
for (const size of chosen) {
  const ours: Figures[] = [], theirs: Figures[] = [];
  for (let made = 0; made < rounds; made++) {
    const [own, peer] = size === "real" ? await realRound() : await round(size as Size);
    ours.push(own);
    theirs.push(peer);
    console.log(`${size}, round ${made + 1} of ${rounds}`);
  }
  const asked = size === "real"
    ? Object.assign({}, ...parts.map((part) => realTargets[part]))
    : targets[size as Size];
  summary[size] = compareFigures({ ours, theirs }, asked);
  console.log(`\n${comparisonTable(size, summary[size], asked)}\n`);
}
console.log(JSON.stringify(summary, (_, x) => typeof x === "number" ? Number(x.toPrecision(4)) : x));
