import assert from "node:assert/strict";
import {
  compositeReward,
  curriculum,
  generateProblems,
  grpo,
  loadModel,
  resume,
  sft,
  useBackend,
} from "../../mod.ts";

const path = new URL("../../data/models/tiny-gemma", import.meta.url).pathname;
const problems = generateProblems({ count: 40, seed: 5 });

async function weights(
  run: (model: Awaited<ReturnType<typeof loadModel>>) => Promise<unknown>,
): Promise<Float32Array> {
  const model = await loadModel(path);
  await run(model);
  const data = (await model.decoder.weight("model.layers.1.mlp.up_proj.weight").data() as Float32Array)
    .slice();
  model.dispose();
  return data;
}

Deno.test({
  name: "resume() goes on with a run's own configuration and ends with the same bits",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await useBackend({ backend: "cpu", threads: 1 });
    const folder = await Deno.makeTempDir();
    try {
      const common = { steps: 4, checkpointEvery: 2, keepCheckpoints: 4 };
      const sftOptions = { ...common, batchSize: 4, demonstrations: { full: 1, terse: 1, answerOnly: 1 } };
      const grpoOptions = { ...common, promptsPerStep: 2, generations: 3, maxTokens: 12, learningRate: 1e-3 };
      for (const stage of ["sft", "grpo"] as const) {
        await t.step(stage, async () => {
          const checkpoints = `${folder}/${stage}`;
          const start = (
            model: Awaited<ReturnType<typeof loadModel>>,
            hooks: { signal?: AbortSignal; onStep?: () => void },
          ) =>
            stage === "sft"
              ? sft(model, problems, { ...sftOptions, checkpoints, ...hooks })
              : grpo(model, problems, {
                ...grpoOptions,
                checkpoints,
                reward: compositeReward({ preset: "r3" }),
                curriculum: curriculum(),
                ...hooks,
              });
          const whole = await weights((model) => start(model, {}));
          await Deno.remove(checkpoints, { recursive: true });
          const controller = new AbortController();
          let steps = 0;
          await weights((model) =>
            start(model, { signal: controller.signal, onStep: () => ++steps === 2 && controller.abort() })
          );
          assert.equal(steps, 2);
          const resumed = await weights(async (model) => {
            const run = await resume(checkpoints, { model, problems });
            assert.deepEqual(run.steps.map(({ step }) => step), [1, 2, 3, 4]);
            assert.equal(run.ended, "finished");
          });
          assert.deepEqual(resumed, whole);
        });
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
