import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { heapUse } from "../../../lib/backend/shared_wasm.ts";
import { startEngine } from "../../../lib/kernels/cpu/engine.ts";
import { tokenLogprobsKernels } from "../../../lib/kernels/cpu/token_logprobs.ts";
import { gaussian, testOnCpu } from "./on_cpu.ts";

for (const softcap of [0, 5]) {
  testOnCpu(
    `logits kept for the backward pass give the very gradients of logits in blocks, soft-cap ${softcap}`,
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
        assert.deepEqual(kept.values, inBlocks.values);
      });
    },
  );
}

testOnCpu("logits are not kept where the heap has no room for them", async () => {
  const engine = await startEngine({ threads: 2 }), { limit } = heapUse;
  tf.tidy(() => {
    const { forward } = tokenLogprobsKernels(engine);
    const hidden = tf.ones<tf.Rank.R2>([8, 4]), table = tf.ones<tf.Rank.R2>([1000, 4]);
    const targets = tf.zeros<tf.Rank.R1>([8], "int32");
    const keeps = (trained: boolean) =>
      forward(hidden, table, targets, { temperature: 1, softcap: 0, tableGradient: false, trained })
        .logits !==
        undefined;
    assert.deepEqual([keeps(true), keeps(false)], [true, false]);
    try {
      // four times what they take, and a little less
      heapUse.limit = heapUse.bytes + 4 * 4 * 8 * 1000 - 1;
      assert.equal(keeps(true), false);
    } finally {
      heapUse.limit = limit;
    }
  });
});
