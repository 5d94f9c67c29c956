import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { addLora } from "../../lib/models/lora.ts";
import { tokenValues } from "../../lib/training/backward.ts";
import { ReferencePolicy } from "../../lib/training/reference_policy.ts";
import { TokenBatch } from "../../lib/training/token_batch.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { tinyConfig, tinyDecoder } from "../kernels/webgpu/tiny_decoder.ts";
import { assertAllClose } from "./assert_all_close.ts";

await useBackend({ backend: "cpu", threads: 1 });
const name = "model.layers.0.mlp.gate_proj.weight";
const sequences = [{ prompt: [3, 14, 15], completion: [9, 2, 6] }, { prompt: [8], completion: [7, 33] }];

/** Log-probabilities of the completions under a function of the batch. */
async function withBatch<T>(use: (batch: TokenBatch) => Promise<T>): Promise<T> {
  const batch = new TokenBatch(sequences);
  try {
    return await use(batch);
  } finally {
    batch.dispose();
  }
}

function scale(decoder: ReturnType<typeof tinyDecoder>, factor: number) {
  const weight = decoder.weight(name) as unknown as tf.Variable;
  tf.tidy(() => weight.assign(tf.mul(weight, factor)));
}

testOnCpu(
  "ReferencePolicy stays while the policy moves, and follows it by the mixup when it is refreshed",
  async () => {
    const decoder = tinyDecoder(tinyConfig), before = (await decoder.weight(name).data()).slice();
    const reference = await ReferencePolicy.of(decoder);
    const at = () =>
      withBatch((batch) => reference.logprobs(batch, 0.8)).then((rows) => rows.map((row) => [...row]));
    const start = await at();
    assertAllClose(
      start,
      await withBatch(async (batch) =>
        batch.split((await tokenValues(decoder, batch, { temperature: 0.8 })).logprobs)
      ),
    );
    scale(decoder, 3);
    assert.deepEqual(await at(), start);
    await reference.refresh(0.6);
    const held = (await reference.state())[`reference/${name}`].data;
    // 0.6 · 3w + 0.4 · w = 2.2 w
    assertAllClose(held, before.map((w) => 2.2 * w), 1e-6);
    const mixed = await at();
    assert.ok(Math.abs(mixed[0][0] - start[0][0]) > 1e-4);
    await reference.refresh(1);
    assertAllClose((await reference.state())[`reference/${name}`].data, before.map((w) => 3 * w), 1e-6);
    reference.dispose();
    decoder.dispose();
  },
);

/** Gives every B of the adapter in use one value. */
function fillB(decoder: ReturnType<typeof tinyDecoder>, value: number) {
  for (const { b } of decoder.lora.values()) tf.tidy(() => b.assign(tf.fill(b.shape, value) as tf.Tensor2D));
}

for (const startsAt of [0, 0.03]) {
  testOnCpu(
    `ReferencePolicy of an adapter whose B starts at ${startsAt} is the policy that it began with`,
    async () => {
      const decoder = tinyDecoder(tinyConfig);
      addLora(decoder, { rank: 2 });
      fillB(decoder, startsAt);
      const reference = await ReferencePolicy.of(decoder);
      const rows = (values: Float32Array[]) => values.map((row) => [...row]);
      const at = () => withBatch((batch) => reference.logprobs(batch, 1)).then(rows);
      const policy = () =>
        withBatch(async (batch) => batch.split((await tokenValues(decoder, batch)).logprobs)).then(rows);
      const off = () =>
        withBatch(async (batch) =>
          batch.split((await tokenValues(decoder, batch, { adapter: false })).logprobs)
        )
          .then(rows);
      const start = await at();
      assertAllClose(start, await policy(), 1e-6);
      if (startsAt > 0) assert.ok(Math.abs(start[0][0] - (await off())[0][0]) > 1e-4);
      assert.equal(reference.kind, startsAt === 0 ? "base" : "adapter");
      const state = await reference.state();

      fillB(decoder, 0.05);
      assert.deepEqual(await at(), start);
      assert.ok(Math.abs((await policy())[0][0] - start[0][0]) > 1e-4);
      // another process: the adapter is what it became, the reference what it was
      const other = await ReferencePolicy.of(decoder);
      other.restore(state);
      assert.deepEqual([await withBatch((batch) => other.logprobs(batch, 1)).then(rows), other.kind], [
        start,
        reference.kind,
      ]);

      await reference.refresh(1);
      assertAllClose(await at(), await policy(), 1e-6);
      assert.equal(reference.kind, "adapter");
      fillB(decoder, startsAt);
      await other.refresh(0.5);
      assert.equal(other.kind, "weights");
      assertAllClose(await withBatch((batch) => other.logprobs(batch, 1)).then(rows), start, 1e-5);
      for (const each of [reference, other, decoder]) each.dispose();
    },
  );
}

testOnCpu(
  "a ReferencePolicy with an adapter of its own refuses a checkpoint that lacks a matrix",
  async () => {
    const decoder = tinyDecoder(tinyConfig);
    addLora(decoder, { rank: 2 });
    fillB(decoder, 0.1);
    const reference = await ReferencePolicy.of(decoder), state = await reference.state();
    const [first, ...others] = Object.keys(state);
    const lacking = Object.fromEntries(others.map((name) => [name, state[name]]));
    assert.throws(() => reference.restore(lacking), /holds 27 of its 28 adapter matrices/);
    assert.throws(
      () => reference.restore({ ...state, "reference/model.layers.9.mlp.up_proj.lora_a": state[first] }),
      /28 of its 28 adapter matrices and 1 that the model does not have/,
    );
    reference.dispose();
    decoder.dispose();
  },
);

testOnCpu("ReferencePolicy comes back from a checkpoint with the same bits", async () => {
  const decoder = tinyDecoder(tinyConfig), reference = await ReferencePolicy.of(decoder);
  scale(decoder, 2);
  await reference.refresh(0.3);
  const state = await reference.state(), other = await ReferencePolicy.of(decoder);
  other.restore(state);
  assert.deepEqual(await other.state(), state);
  assert.throws(() => other.restore({}), /holds 0 of its \d+ weights/);
  const { [`reference/${name}`]: _, ...rest } = state;
  assert.throws(() => other.restore(rest), /the checkpoint holds \d+ of its \d+ weights/);
  for (const each of [reference, other, decoder]) each.dispose();
});
