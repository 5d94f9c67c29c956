/**
 * What `preflight` says against what a run then does, on three configurations: `deno run -A tests/bench/preflight_check.ts`.
 *
 * @module
 */
import { compositeReward, generateProblems, grpo, loadModel, preflight, sft, useBackend } from "../../mod.ts";

await useBackend({ backend: "cpu" });
const problems = generateProblems({ count: 400, seed: 1 }), reward = compositeReward({ preset: "r3" });
const configurations = {
  "2 × 4, 48 tokens": { promptsPerStep: 2, generations: 4, maxTokens: 48 },
  "8 × 8, 112 tokens": { promptsPerStep: 8, generations: 8, maxTokens: 112 },
  "4 × 8, 80 tokens, KL": { promptsPerStep: 4, generations: 8, maxTokens: 80, beta: 0.05 },
};
for (const [name, sizes] of Object.entries(configurations)) {
  const model = await loadModel(new URL("../../data/models/tiny-gemma", import.meta.url).pathname);
  await sft(model, problems, { steps: 60, batchSize: 16 });
  const settings = { ...sizes, steps: 12, learningRate: 1e-6, reward };
  const { secondsPerStep, truncatedFraction } = await preflight(model, problems, settings);
  const { steps } = await grpo(model, problems, settings);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  console.log(
    `${name}: said ${secondsPerStep.toFixed(2)} s a step and ${
      (100 * truncatedFraction).toFixed(0)
    } % cut; was ${mean(steps.map(({ seconds }) => seconds.total)).toFixed(2)} s and ${
      (100 * mean(steps.map((step) => step.truncatedFraction!))).toFixed(0)
    } %`,
  );
  model.dispose();
}
