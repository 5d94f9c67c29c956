import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { startEngine } from "../../../lib/kernels/cpu/engine.ts";
import { tokenLogprobsKernels } from "../../../lib/kernels/cpu/token_logprobs.ts";
import { gaussian, testOnCpu } from "./on_cpu.ts";

for (const softcap of [0, 5]) {
  testOnCpu(
    `logits kept for the backward pass give the gradients of logits in blocks, soft-cap ${softcap}`,
    async () => {
      const engine = await startEngine({ threads: 2 });
      const numbers = { temperature: 0.8, softcap, tableGradient: true, trained: true };
      tf.tidy(() => {
        const hidden = tf.tensor2d(gaussian(70 * 12, 1), [70, 12]),
          table = tf.tensor2d(gaussian(50 * 12, 2), [50, 12]);
        const targets = tf.tensor1d(Array.from({ length: 70 }, (_, i) => 7 * i % 50), "int32");
        const dy = { logprobs: tf.tensor1d(gaussian(70, 3)), entropy: tf.tensor1d(gaussian(70, 4)) };
        const [kept, inBlocks] = [70 * 50, 70 * 50 - 1].map((mostKept) => {
          const { forward, backward } = tokenLogprobsKernels(engine, mostKept);
          const { logits, ...values } = forward(hidden, table, targets, numbers);
          const { dHidden, dTable } = backward(dy, { hidden, table, targets, ...values, logits }, numbers);
          return { has: logits !== undefined, values: [...dHidden.dataSync(), ...dTable!.dataSync()] };
        });
        assert.deepEqual([kept.has, inBlocks.has], [true, false]);
        assert.ok(kept.values.some((x) => Math.abs(x) > 0.1));
        kept.values.forEach((x, i) => assert.ok(Math.abs(x - inBlocks.values[i]) < 1e-5, `${i}`));
      });
    },
  );
}
