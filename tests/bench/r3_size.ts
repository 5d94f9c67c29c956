/**
 * GRPO at R3's own size (200 steps, 2 prompts × G = 4) on the embedded model after a short SFT: seconds.
 *
 *     deno run -A tests/bench/r3_size.ts
 */
import { compositeReward, grpo, loadConfig, loadDataset, loadModel, sft, useBackend } from "../../mod.ts";

console.log(await useBackend({ backend: "cpu" }));
const config = await loadConfig(new URL("../../data/configs/demo.yaml", import.meta.url).pathname);
const model = await loadModel(config.model), data = await loadDataset(config.data);
await sft(model, data.train, { ...config.sft, steps: 60 });
const reward = compositeReward({ preset: "r3" });
const run = await grpo(model, data.train, {
  ...config.grpo,
  steps: 200,
  promptsPerStep: 2,
  generations: 4,
  reward,
});
const tokens = run.steps.reduce((sum, step) => sum + step.tokens, 0);
console.log(`200 steps of 2 × 4: ${run.seconds.toFixed(1)} s, ${tokens} completion tokens`);
Deno.exit(0);
