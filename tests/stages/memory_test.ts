import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { grpo } from "../../lib/stages/grpo.ts";
import { sft } from "../../lib/stages/sft.ts";
import { setObserver } from "../../lib/display/observer.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { digits, problems, tinyModel } from "../training/tiny_model.ts";

const counts = () => ({ tensors: tf.memory().numTensors, bytes: tf.memory().numBytes });

for (const stage of ["sft", "grpo"] as const) {
  testOnCpu(`${stage}() holds no more tensors or bytes after 500 steps than after 5`, async () => {
    setObserver(null);
    await startEngine({ threads: 1 });
    const model = tinyModel(), before = counts();
    const run = async (steps: number) => {
      const { steps: done } = stage === "sft"
        ? await sft(model, problems, { steps, batchSize: 2, maxLength: 256 })
        : await grpo(model, problems, {
          steps,
          promptsPerStep: 1,
          generations: 2,
          maxTokens: 4,
          beta: 0.1,
          reward: digits,
        });
      assert.equal(done.length, steps);
      return counts();
    };
    // rotary tables are made on first use and stay
    const early = await run(5);
    assert.deepEqual(await run(500), early);
    model.dispose();
    assert.ok(before.tensors > tf.memory().numTensors);
  });
}
