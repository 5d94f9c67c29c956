/**
 * The learning curves of five steps of SFT and five of GRPO on the CPU, as hashes of losses, rewards and trained weights: what a
 * change that means to change nothing must leave as it was.
 *
 * `deno run --allow-all tests/bench/same_curves.ts [path of another checkout's mod.ts]`
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const path = Deno.args[0] ?? new URL("../../mod.ts", import.meta.url).pathname;
const showwork: typeof import("../../mod.ts") = await import(pathToFileURL(resolve(path)).href);
const { compositeReward, grpo, loadDataset, loadModel, sft, useBackend } = showwork;

await useBackend({ backend: "cpu" });
const data = await loadDataset({
  train: [{ source: "generator", count: 200 }],
  test: [{ source: "generator", count: 10 }],
});
const hash = async (bytes: Uint8Array<ArrayBuffer>) =>
  Array.from(
    new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).slice(0, 8),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");

for (const lora of [null, { rank: 4 }]) {
  const model = await loadModel(
    new URL("../../data/models/tiny-gemma", import.meta.url).pathname,
  );
  if (lora) model.addLora(lora);
  const runs = [
    await sft(model, data.train, { steps: 5, batchSize: 8 }),
    await grpo(model, data.train, {
      steps: 5,
      promptsPerStep: 2,
      generations: 4,
      maxTokens: 48,
      // with an adapter, what the reference is was changed on purpose
      beta: lora ? 0 : 0.03,
      temperature: 1,
      reward: compositeReward({
        components: { length: { weight: 1, reward: ({ completion }) => (completion.length % 7) / 7 } },
      }),
    }),
  ];
  for (const run of runs) {
    const curve = run.steps.map(({ loss, gradientNorm, reward, kl }) => [loss, gradientNorm, reward, kl]);
    console.log(
      run.name,
      lora ? "with LoRA:" : "whole:",
      await hash(new TextEncoder().encode(JSON.stringify(curve))),
    );
  }
  let weights = new Uint8Array();
  for (const { variable } of model.decoder.parameters()) {
    weights = new Uint8Array([
      ...weights,
      ...new Uint8Array((await variable.data()).buffer as ArrayBuffer).slice(0, 4096),
    ]);
  }
  console.log("weights:", await hash(weights));
  model.dispose();
}
Deno.exit();
