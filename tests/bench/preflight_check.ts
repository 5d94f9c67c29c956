/**
 * What `preflight` says against what a run then does, on three configurations: `deno run -A tests/bench/preflight_check.ts`.
 *
 * @module
 */
import { heapUse } from "../../lib/backend/shared_wasm.ts";
import { compositeReward, generateProblems, grpo, loadModel, preflight, sft, useBackend } from "../../mod.ts";

await useBackend({ backend: "cpu" });
const problems = generateProblems({ count: 400, seed: 1 }), reward = compositeReward({ preset: "r3" });
const configurations = {
  "2 × 4, 48 tokens": { promptsPerStep: 2, generations: 4, maxTokens: 48 },
  "8 × 8, 112 tokens": { promptsPerStep: 8, generations: 8, maxTokens: 112 },
  "4 × 8, 80 tokens, KL": { promptsPerStep: 4, generations: 8, maxTokens: 80, beta: 0.05 },
};
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
for (const [name, sizes] of Object.entries(configurations)) {
  const model = await loadModel(new URL("../../data/models/tiny-gemma", import.meta.url).pathname);
  await sft(model, problems, { steps: 60, batchSize: 16 });
  const settings = { ...sizes, steps: 24, learningRate: 1e-6, reward };
  const started = performance.now();
  const said = await preflight(model, problems, settings), looked = (performance.now() - started) / 1000;
  const before = heapUse.peak = heapUse.bytes;
  let peak = 0;
  const { steps } = await grpo(model, problems, {
    ...settings,
    onStep: () => void (peak = Math.max(peak, heapUse.peak)),
  });
  const seconds = mean(steps.map(({ seconds }) => seconds.total)),
    cut = mean(steps.map((step) => step.truncatedFraction!));
  console.log(
    `${name}: in ${looked.toFixed(1)} s it said ${said.secondsPerStep.toFixed(3)} s a step, ${
      percent(said.truncatedFraction)
    } cut, ${(said.memoryBytes! / 1e6).toFixed(0)} MB; 24 steps took ${seconds.toFixed(3)} s each (it said ${
      percent(said.secondsPerStep / seconds - 1)
    } too much), ${percent(cut)} cut, ${((peak - before) / 1e6).toFixed(0)} MB`,
  );
  model.dispose();
}
