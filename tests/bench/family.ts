/**
 * The GRPO family on the demo task: GRPO, RLOO, DAPO and Dr. GRPO from the same SFT model, seed by seed, with the demo's own settings
 * otherwise; held-out problems, one table, one figure.
 *
 *     deno run -A tests/bench/family.ts [--seeds 1,2,3] [--steps 80] [--sft-steps 200] [--test 320] [--out results/family]
 *
 * Writes `family.{json,png,svg,html}`; what an earlier call wrote to the same folder is not made again, so that a run that was
 * stopped goes on.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compareRuns, type JudgedRun } from "../../lib/report/compare_runs.ts";
import { runBands } from "../../lib/report/run_bands.ts";
import { parseExact, stringifyExact } from "../../lib/training/exact_json.ts";
import {
  compositeReward,
  curriculum,
  evaluate,
  type Evaluation,
  grpo,
  loadConfig,
  loadDataset,
  loadModel,
  sft,
  useBackend,
} from "../../mod.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seeds: { type: "string", default: "1,2,3" },
    steps: { type: "string" },
    "sft-steps": { type: "string" },
    test: { type: "string" },
    out: { type: "string", default: new URL("../../results/family", import.meta.url).pathname },
  },
});
const members = { GRPO: "grpo", RLOO: "rloo", DAPO: "dapo", "Dr. GRPO": "dr_grpo" } as const;
const { out } = values, seeds = values.seeds.split(",").map(Number);
await Deno.mkdir(out, { recursive: true });

/** What `make` gives, or what it gave when it was called before. */
async function once<T>(name: string, make: () => Promise<T>): Promise<T> {
  const path = join(out, `${name}.json`);
  const held = await Deno.readTextFile(path).catch(() => null);
  if (held !== null) return parseExact(held) as T;
  const made = await make();
  await Deno.writeTextFile(path, stringifyExact(made));
  return made;
}

console.log(await useBackend({ backend: "cpu" }));
const groups: Record<string, JudgedRun[]> = {}, afterSft: Evaluation[] = [];
for (const seed of seeds) {
  const load = (grpo: Record<string, unknown> = {}) =>
    loadConfig(new URL("../../data/configs/demo.yaml", import.meta.url), {
      seed,
      grpo: { ...grpo, ...(values.steps ? { steps: Number(values.steps) } : {}) },
      ...(values["sft-steps"] ? { sft: { steps: Number(values["sft-steps"]) } } : {}),
    });
  const config = await load();
  const data = await loadDataset(config.data),
    test = data.test.slice(0, Number(values.test ?? data.test.length));
  const start = join(out, `sft-${seed}`);
  afterSft.push(
    await once(`sft-${seed}-evaluation`, async () => {
      const model = await loadModel(config.model);
      await sft(model, data.train, config.sft);
      await model.save(start);
      const evaluation = await evaluate(model, test, config.evaluate);
      model.dispose();
      return evaluation;
    }),
  );
  for (const [name, algorithm] of Object.entries(members)) {
    const judged = await once(`${algorithm}-${seed}`, async (): Promise<JudgedRun> => {
      const model = await loadModel({ path: start });
      // the preset sets what the demo's file does not
      const { grpo: settings } = await load({ algorithm });
      const run = await grpo(model, data.train, {
        ...settings,
        name,
        reward: compositeReward(config.reward),
        curriculum: curriculum(config.curriculum),
        evaluateEvery: Math.max(1, Math.round(settings.steps / 8)),
        evaluation: { ...config.evaluate, problems: test.slice(0, 160) },
      });
      const evaluation = await evaluate(model, test, config.evaluate);
      model.dispose();
      return { run, evaluation };
    });
    (groups[name] ??= []).push(judged);
    const { run, evaluation } = judged;
    console.log(
      `seed ${seed}, ${name}: ${(100 * evaluation.accuracy.value).toFixed(1)} % right, ${
        (100 * evaluation.formatRate.value).toFixed(1)
      } % well formed, ${run.steps.length} steps in ${run.seconds.toFixed(0)} s, ${run.ended}`,
    );
  }
}
const percents = (of: (evaluation: Evaluation) => number) =>
  afterSft.map((evaluation) => (100 * of(evaluation)).toFixed(1)).join(" / ");
console.log(
  `after SFT: accuracy ${percents(({ accuracy }) => accuracy.value)} %, format ${
    percents(({ formatRate }) => formatRate.value)
  } %`,
);
const comparison = compareRuns(groups);
console.log(comparison);
await Deno.writeTextFile(
  join(out, "family.json"),
  JSON.stringify(
    {
      seeds,
      afterSft: afterSft.map(({ accuracy, formatRate }) => ({ accuracy, formatRate })),
      ...comparison,
    },
    null,
    1,
  ),
);
const figure = runBands(
  Object.fromEntries(Object.entries(groups).map(([name, judged]) => [name, judged.map(({ run }) => run)])),
  { title: "The GRPO family on the demo task" },
);
for (const extension of ["png", "svg", "html"]) await figure.save(join(out, `family.${extension}`));
console.log(`${figure}\n${join(out, "family.png")}`);
Deno.exit(0);
