/**
 * What on-policy distillation brings a student that SFT taught badly: accuracy before and after, on the same held-out problems, over seeds. The teacher is the
 * embedded model after SFT on demonstrations with all of their steps; the student after SFT on a mixture, most of which skips the work.
 *
 *     deno run -A tests/bench/distillation.ts [seed ...]
 */
import {
  distill,
  evaluate,
  loadConfig,
  loadDataset,
  loadModel,
  meanInterval,
  pairedBootstrap,
  sft,
  useBackend,
} from "../../mod.ts";

const percent = (x: number) => (100 * x).toFixed(1);
const interval = ({ value, low, high }: { value: number; low: number; high: number }) =>
  `${percent(value)} [${percent(low)}, ${percent(high)}]`;

console.log(await useBackend({ backend: "cpu" }));
const demo = new URL("../../data/configs/demo.yaml", import.meta.url).pathname;
const seeds = Deno.args.length ? Deno.args.map(Number) : [1, 2, 3], rows: string[] = [];
const configOf = (seed: number) =>
  loadConfig(demo, {
    seed,
    data: {
      train: [{ source: "generator", count: 4000 }],
      test: [{ source: "generator", count: 160, seed: 1000001 }],
    },
    evaluate: { maxTokens: 112, temperature: 0, batchSize: 160 },
    sft: {
      steps: 100,
      batchSize: 32,
      learningRate: { kind: "cosine", peak: 1e-3, warmupRatio: 0.05 },
      demonstrations: { full: 0.2, terse: 0.5, answerOnly: 0.3 },
    },
    distill: { steps: 40, promptsPerStep: 8, generations: 4, maxTokens: 112, learningRate: 2.5e-4 },
  });

const first = await configOf(1), teacher = await loadModel(first.model);
const { train, test } = await loadDataset(first.data);
await sft(teacher, train, { ...first.sft, steps: 150, demonstrations: { full: 1, terse: 0, answerOnly: 0 } });
const right = async (model: typeof teacher) => {
  const { items, formatRate } = await evaluate(model, test, first.evaluate);
  return { right: items.map(({ correct }) => Number(correct)), format: formatRate.value };
};
const mean = (values: number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
console.log(`teacher: ${percent(mean((await right(teacher)).right))} %`);

const gains: Record<"exact" | "sampled", number[]> = { exact: [], sampled: [] };
for (const seed of seeds) {
  const config = await configOf(seed);
  for (const divergence of ["exact", "sampled"] as const) {
    const student = await loadModel(config.model);
    await sft(student, train, config.sft);
    const before = await right(student);
    const run = await distill(student, teacher, train, { ...config.distill, divergence });
    const after = await right(student), gain = pairedBootstrap(before.right, after.right);
    gains[divergence].push(gain.value);
    const kl = run.steps.map(({ teacherKl }) => teacherKl!);
    rows.push(
      `| ${seed} | ${divergence} | ${percent(mean(before.right))} / ${percent(before.format)} | ${
        percent(mean(after.right))
      } / ${percent(after.format)} | ${interval(gain)} | ${mean(kl.slice(0, 4)).toFixed(3)} → ${
        mean(kl.slice(-4)).toFixed(3)
      } | ${run.seconds.toFixed(0)} |`,
    );
    console.log(rows.at(-1));
    student.dispose();
  }
}
console.log(
  "| seed | divergence | SFT: accuracy / format % | distilled | points | KL to the teacher, nats a token | s |\n|---|---|---|---|---|---|---|",
);
console.log(rows.join("\n"));
for (const [divergence, points] of Object.entries(gains)) {
  console.log(`${divergence}, over ${seeds.length} seeds: ${interval(meanInterval(points))} points`);
}
Deno.exit(0);
