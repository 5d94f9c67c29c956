import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { learningCurves, useBackend } from "../../mod.ts";
import { setObserver } from "../../lib/display/observer.ts";
import { digits, problems, tinyModel } from "../training/tiny_model.ts";
import { rejectionSampling } from "./rejection_sampling.ts";

Deno.test({
  name: "an algorithm written outside the library out of its parts learns: the mean reward rises",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    setObserver(null);
    await useBackend({ backend: "cpu", threads: 1 });
    const tensors = tf.memory().numTensors, model = tinyModel();
    const run = await rejectionSampling(model, problems, {
      steps: 30,
      reward: digits,
      promptsPerStep: 4,
      samples: 8,
      maxTokens: 8,
      learningRate: 1e-2,
      seed: 3,
    });
    const rewards = run.steps.map(({ reward }) => reward!);
    const mean = (values: number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
    const first = mean(rewards.slice(0, 5)), last = mean(rewards.slice(-5));
    assert.equal(run.ended, "finished");
    assert.ok(last > first + 0.2, `from ${first} to ${last}`);
    assert.equal(run.stage, "rejection sampling");
    assert.match(Deno.inspect(run), /^rejection sampling: 30 steps/);
    assert.match(JSON.stringify(learningCurves(run).layout), /Rejection sampling loss/);
    model.dispose();
    assert.equal(tf.memory().numTensors, tensors);
  },
});
