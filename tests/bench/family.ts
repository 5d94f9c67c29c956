/**
 * The demo over three seeds: what each part of its method is worth, and the algorithms of the GRPO family with their corrections, each
 * from the same model after SFT, seed by seed; held-out problems, a table and a figure.
 *
 *     OPENBLAS_NUM_THREADS=1 deno run -A tests/bench/family.ts ablation [--seeds 1,2,3] [--steps 50] [--dir results/family]
 *     OPENBLAS_NUM_THREADS=1 deno run -A tests/bench/family.ts family
 *     OPENBLAS_NUM_THREADS=1 deno run -A tests/bench/family.ts twice
 *     OPENBLAS_NUM_THREADS=1 deno run -A tests/bench/family.ts options
 *
 * GRPO takes `--steps 50` where the demo takes 100; `--only "the demo"` makes one configuration of a grid. Runs stand in `--dir` when they are done, and the same call goes on with what is
 * missing. One thread each, so that two may run side by side; `cpuSeconds`
 * is what GRPO took of a core.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { experimentFigure } from "../../lib/report/experiment_figure.ts";
import { experiment, type Settings, useBackend } from "../../mod.ts";
import { demoVariant } from "./demo_variant.ts";

const { values, positionals: [grid = "ablation"] } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "1,2,3" },
    steps: { type: "string", default: "50" },
    only: { type: "string" },
    dir: { type: "string", default: new URL("../../results/family", import.meta.url).pathname },
  },
});
const weights = (given: Record<string, number>) => ({
  reward: {
    components: Object.fromEntries(Object.entries(given).map(([name, weight]) => [name, { weight }])),
  },
});
const algorithm = (algorithm: string, more: Settings = {}) => ({ grpo: { algorithm, ...more } });
const rightOrWrong = weights({ correctness: 1, trace: 0, confidence: 0, verbosity: 0, formatCompliance: 0 });
const twice = { iterations: 2 };

/** Laid over the demo's file; the first of each grid is what the others are compared with. */
const grids: Record<string, Record<string, Settings>> = {
  ablation: {
    "the demo": {},
    "without curriculum": {
      curriculum: { phases: [{ name: "hard", difficulties: ["easy", "medium", "hard"] }] },
    },
    "without annealing": weights({ correctness: 0.5, trace: 0.35 }),
    "without confidence": weights({ confidence: 0 }),
    "without verbosity": weights({ verbosity: 0 }),
  },
  // one update a batch: ratios are 1 and nothing is clipped, so only baselines, scales, averages and groups differ
  family: {
    "the demo": {},
    "deviation of the batch": { grpo: { advantage: "batch" } },
    RLOO: algorithm("rloo"),
    DAPO: algorithm("dapo"),
    "Dr. GRPO": algorithm("dr_grpo"),
    BNPO: algorithm("bnpo"),
    LUSPO: algorithm("luspo"),
    "right or wrong alone": rightOrWrong,
    "MaxRL, right or wrong alone": { ...algorithm("maxrl"), ...rightOrWrong },
  },
  // two updates a batch, half as many completions: here clipping and corrections act
  twice: {
    GRPO: { grpo: twice },
    GSPO: algorithm("gspo", twice),
    CISPO: algorithm("cispo", twice),
    SAPO: algorithm("sapo", twice),
    VESPO: algorithm("vespo", twice),
    DPPO: { grpo: { ...twice, dppo: 0.15 } },
    "off-policy mask": { grpo: { ...twice, offPolicyMask: 0.1 } },
    "bias-corrected KL": { grpo: { ...twice, useBiasCorrectionKl: true } },
  },
  options: {
    "the demo": {},
    "entropy bonus": { grpo: { entropyCoef: 0.01 } },
    "entropy held at 0.1": { grpo: { entropyCoef: 0.005, entropyTarget: 0.1 } },
    replay: { grpo: { replay: 32 } },
    overlong: { reward: { components: { overlong: { weight: 0.5, max: 112, buffer: 32 } } } },
    "cosine length": { reward: { components: { cosineLength: { weight: 0.2, max: 112 } } } },
    "repeated n-grams": { reward: { components: { repeatedNgrams: { weight: -0.5 } } } },
  },
};
const titles: Record<string, string> = {
  ablation: "What each part of the demo is worth",
  family: "The GRPO family, one update a batch",
  twice: "The GRPO family, two updates a batch",
  options: "Entropy, replay and rewards for length",
};
const chosen = grids[grid];
if (!chosen) throw new RangeError(`there is no grid ${grid}; there are ${Object.keys(grids).join(", ")}`);
const { only } = values;
if (only !== undefined && !chosen[only]) {
  throw new RangeError(`${grid} has no configuration ${only}; it has ${Object.keys(chosen).join(", ")}`);
}
console.log(await useBackend({ backend: "cpu", threads: 1 }));
const found = await experiment({
  grid: only === undefined ? chosen : { [only]: chosen[only] },
  seeds: values.seeds.split(",").map(Number),
  run: demoVariant({ dir: values.dir, steps: Number(values.steps) }),
  dir: values.dir,
});
console.log(found);
const { runs, groups, ended, seconds } = found;
await Deno.writeTextFile(
  join(values.dir, `${grid}.json`),
  JSON.stringify({ ended, seconds, groups, runs }, null, 1),
);
const figure = experimentFigure(found, {
  title: titles[grid],
  measures: ["accuracy", "deadGroups", "cpuSeconds"],
});
await figure.save(join(values.dir, `${grid}.png`));
Deno.exit(0);
