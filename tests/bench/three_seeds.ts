/**
 * Whether the demo teaches something: its whole path for several seeds, the same held-out problems each time.
 *
 *     deno run -A tests/bench/three_seeds.ts [seed ...]
 */
import {
  compare,
  compositeReward,
  curriculum,
  evaluate,
  grpo,
  loadConfig,
  loadDataset,
  loadModel,
  pairedBootstrap,
  sft,
  useBackend,
} from "../../mod.ts";

const percent = (x: number) => (100 * x).toFixed(1);

console.log(await useBackend({ backend: "cpu" }));
const seeds = Deno.args.length ? Deno.args.map(Number) : [1, 2, 3], rows: string[] = [];
for (const seed of seeds) {
  const started = performance.now(),
    config = await loadConfig(new URL("../../data/configs/demo.yaml", import.meta.url).pathname, { seed });
  const model = await loadModel(config.model), data = await loadDataset(config.data);
  const base = await evaluate(model, data.test, config.evaluate);
  const sftRun = await sft(model, data.train, config.sft),
    afterSft = await evaluate(model, data.test, config.evaluate);
  const reward = compositeReward(config.reward);
  const grpoRun = await grpo(model, data.train, {
    ...config.grpo,
    reward,
    curriculum: curriculum(config.curriculum),
  });
  const afterGrpo = await evaluate(model, data.test, config.evaluate);
  console.log(compare({ base, sft: afterSft, grpo: afterGrpo }));
  const right = (items: { correct: boolean }[]) => items.map(({ correct }) => Number(correct));
  const { value, low, high } = pairedBootstrap(right(afterSft.items), right(afterGrpo.items));
  rows.push(
    `| ${seed} | ${
      [base, afterSft, afterGrpo].map(({ accuracy, formatRate }) =>
        `${percent(accuracy.value)} / ${percent(formatRate.value)}`
      ).join(" | ")
    } | ${percent(value)} [${percent(low)}, ${percent(high)}] | ${sftRun.seconds.toFixed(0)} + ${
      grpoRun.seconds.toFixed(0)
    } | ${((performance.now() - started) / 1000).toFixed(0)} |`,
  );
  model.dispose();
}
console.log(
  "| seed | base: accuracy / format % | SFT | SFT→GRPO | SFT to GRPO, points | SFT + GRPO, s | all, s |\n|---|---|---|---|---|---|---|",
);
console.log(rows.join("\n"));
Deno.exit(0);
