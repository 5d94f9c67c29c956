import assert from "node:assert/strict";
import {
  compositeReward,
  curriculum,
  exportRun,
  generateProblems,
  grpo,
  learningCurves,
  loadModel,
  loadRun,
  resume,
  sft,
  useBackend,
} from "../../mod.ts";
import { runTable } from "../../lib/training/run_table.ts";

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
            const run = await resume(model, checkpoints, { problems });
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

Deno.test({
  name: "resume() with other settings forks a run, leaves its checkpoints alone, and both say so",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await useBackend({ backend: "cpu", threads: 1 });
    const folder = await Deno.makeTempDir(), checkpoints = `${folder}/sft`;
    try {
      let run: Awaited<ReturnType<typeof sft>>, fork = run!;
      await weights(async (model) => {
        const options = { steps: 2, batchSize: 4, learningRate: 1e-3, checkpointEvery: 1 };
        run = await sft(model, problems, { ...options, checkpoints });
      });
      const before = [...Deno.readDirSync(checkpoints)].map(({ name }) => name).sort();
      await weights(async (model) => {
        fork = await resume(model, run, { problems, learningRate: 1e-4, steps: 4 });
      });
      assert.deepEqual(fork.steps.map(({ learningRate }) => learningRate), [1e-3, 1e-3, 1e-4, 1e-4]);
      const record = {
        run: "sft",
        step: 2,
        checkpoint: run!.checkpoint!,
        changes: { steps: { from: 2, to: 4 }, learningRate: { from: 1e-3, to: 1e-4 } },
      };
      assert.deepEqual(fork.forkedFrom, [record]);
      assert.deepEqual(run!.forks, [record]);
      assert.match(Deno.inspect(fork), /Forked from sft after step 2: .*learningRate 0\.001 to 0\.0001/);
      assert.match(Deno.inspect(run!), /sft forked from it after step 2/);
      const after = [...Deno.readDirSync(checkpoints)].map(({ name }) => name).sort();
      assert.deepEqual(after, [...before, "forks.jsonl"].sort());
      assert.match(fork.checkpoint!, /sft-fork-2[\\/]/);

      const { layout } = learningCurves([run!, fork]), dashed = layout.shapes as Record<string, unknown>[];
      assert.ok(dashed.some(({ type, x0, x1 }) => type === "line" && x0 === 2 && x1 === 2));
      const texts = (layout.annotations as { text: string }[]).map(({ text }) => text);
      assert.equal(texts.filter((text) => /learningRate 0\.001 to 0\.0001/.test(text)).length, 1);
      assert.deepEqual(learningCurves(run!).layout.shapes, []);

      // what goes on from the fork is the fork, and its export keeps where it came from
      await weights(async (model) => {
        const more = await resume(model, fork, { problems });
        assert.deepEqual(more.forkedFrom, [record]);
        await assert.rejects(resume(model, fork, { problems, learningrate: 1 } as never), /learningRate/);
      });
      await exportRun(`${folder}/export`, { runs: fork });
      assert.deepEqual((await loadRun(`${folder}/export`)).runs[0].forkedFrom, [record]);

      // a fork from a path: the run that is on the disk alone knows it too
      await exportRun(`${folder}/old`, { runs: { ...run!, forks: undefined } });
      await weights((model) => resume(model, checkpoints, { problems, steps: 3 }).then(() => {}));
      const [old] = (await loadRun(`${folder}/old`)).runs;
      assert.deepEqual(old.forks!.map(({ step, changes }) => [step, Object.keys(changes).sort()]), [
        [2, ["learningRate", "steps"]],
        [2, ["steps"]],
      ]);
      assert.match(Deno.inspect(runTable(old)), /forked from it after step 2: .*steps 2 to 3/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name:
    "resume() forks GRPO under another algorithm, reward and name; a beta needs the reference that its run kept",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await useBackend({ backend: "cpu", threads: 1 });
    const checkpoints = await Deno.makeTempDir(), reward = compositeReward({ preset: "r3" });
    try {
      const options = { steps: 2, promptsPerStep: 2, generations: 3, maxTokens: 12, checkpointEvery: 2 };
      await weights(async (model) => {
        await grpo(model, problems, { ...options, beta: 0, checkpoints, reward });
      });
      await weights(async (model) => {
        const run = await resume(model, checkpoints, {
          problems,
          algorithm: "rloo",
          reward: compositeReward({ preset: "r1" }),
          name: "rloo",
          steps: 3,
        });
        const [{ run: parent, step, changes }] = run.forkedFrom!;
        assert.deepEqual([run.name, parent, step, run.steps.length], ["rloo", "grpo", 2, 3]);
        assert.deepEqual(changes.algorithm.to, "rloo");
        assert.equal(run.config.advantage, "rloo");
        assert.ok("reward" in changes && "advantage" in changes && !("promptsPerStep" in changes));
      });
      await weights(async (model) => {
        await assert.rejects(
          resume(model, checkpoints, { problems, beta: 0.1 }),
          /its run had beta 0, and so keeps no reference policy/,
        );
      });
    } finally {
      await Deno.remove(checkpoints, { recursive: true });
      await Deno.remove(`${checkpoints}-fork-2`, { recursive: true }).catch(() => {});
    }
  },
});
