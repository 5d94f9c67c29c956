import assert from "node:assert/strict";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { type CausalLM, createModel, generateProblems, loadModel, sft, useBackend } from "../../mod.ts";
import { ModelFileError } from "../../lib/weights/model_file_error.ts";

const embedded = join(import.meta.dirname!, "../../data/models/tiny-gemma");
const problems = generateProblems({ count: 8, seed: 5 });
const train = (model: CausalLM) => sft(model, problems, { steps: 2, batchSize: 4, learningRate: 1e-2 });

async function parameters(model: CausalLM): Promise<Record<string, number[]>> {
  const all: Record<string, number[]> = {};
  for (const { name, variable } of model.decoder.parameters()) all[name] = [...await variable.data()];
  return all;
}

/** Trains, resets and trains again: the same start, the same end, and no word of weights trained before. */
async function trainsTheSame(model: CausalLM) {
  const start = await parameters(model), first = await train(model), end = await parameters(model);
  assert.notDeepEqual(end, start);
  const tensors = tf.memory().numTensors;
  await model.reset();
  assert.equal(tf.memory().numTensors, tensors);
  assert.deepEqual(await parameters(model), start);
  const second = await train(model);
  assert.deepEqual(await parameters(model), end);
  assert.deepEqual(second.steps.map(({ loss }) => loss), first.steps.map(({ loss }) => loss));
  assert.equal(second.trainedBefore, undefined);
  const third = await train(model);
  assert.deepEqual(third.trainedBefore, [{ name: "sft", steps: 2 }]);
}

Deno.test({
  name: "reset() puts back weights and adapters as they were loaded, made or added",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await useBackend({ backend: "cpu", threads: 1 });
    const folder = await Deno.makeTempDir();
    try {
      await t.step("weights that were loaded", async () => {
        const model = await loadModel(embedded);
        await trainsTheSame(model);
        model.dispose();
      });
      await t.step("weights that were made", async () => {
        const { config, tokenizer, dispose } = await loadModel(embedded).then((model) => ({
          config: model.config,
          tokenizer: model.tokenizer,
          dispose: () => model.dispose(),
        }));
        const model = createModel(config, { tokenizer, seed: 3 });
        await trainsTheSame(model);
        model.dispose();
        dispose();
      });
      await t.step("an adapter that was added, on weights that were trained", async () => {
        const model = await loadModel(embedded);
        await train(model);
        model.addLora({ rank: 4, seed: 7 });
        const start = await parameters(model);
        await train(model);
        await model.reset();
        assert.deepEqual(await parameters(model), start);
        assert.deepEqual((await train(model)).trainedBefore, [{ name: "sft", steps: 2 }]);
        await model.saveAdapter(join(folder, "adapter"));
        model.dispose();
      });
      await t.step("an adapter that was loaded, its files gone", async () => {
        const model = await loadModel(embedded);
        await model.loadAdapter(join(folder, "adapter"));
        await Deno.remove(join(folder, "adapter"), { recursive: true });
        await trainsTheSame(model);
        model.dispose();
      });
      await t.step("not from files that hold other weights by now", async () => {
        const path = join(folder, "model"), first = await loadModel(embedded);
        await first.save(path);
        first.dispose();
        const model = await loadModel(path);
        await train(model);
        await model.save(path);
        const before = await parameters(model);
        await assert.rejects(
          model.reset(),
          (error: Error) =>
            error instanceof ModelFileError && /others were written there since/.test(error.message),
        );
        assert.deepEqual(await parameters(model), before);
        model.dispose();
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
