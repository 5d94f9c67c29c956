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

testOnCpu(
  "ReferencePolicy is the adapter off, until a refresh gives it weights with the adapter in",
  async () => {
    const decoder = tinyDecoder(tinyConfig);
    addLora(decoder, { rank: 2 });
    const reference = await ReferencePolicy.of(decoder);
    const at = () =>
      withBatch((batch) => reference.logprobs(batch, 1)).then((rows) => rows.map((row) => [...row]));
    const policy = () =>
      withBatch(async (batch) => batch.split((await tokenValues(decoder, batch)).logprobs)).then((rows) =>
        rows.map((row) => [...row])
      );
    const start = await at();
    for (const { b } of decoder.lora.values()) tf.tidy(() => b.assign(tf.fill(b.shape, 0.05) as tf.Tensor2D));
    assert.deepEqual([await at(), reference.frozen, await reference.state()], [start, false, {}]);
    assert.ok(Math.abs((await policy())[0][0] - start[0][0]) > 1e-4);
    await reference.refresh(1);
    assert.equal(reference.frozen, true);
    assertAllClose(await at(), await policy(), 1e-5);
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
