/** Passes on a card that is full. */
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { withinGpuMemory } from "../../lib/backend/webgpu_memory.ts";
import { clear, launch, output } from "../../lib/kernels/webgpu/program.ts";
import { addLora } from "../../lib/models/lora.ts";
import { accumulate } from "../../lib/training/accumulate.ts";
import { crossEntropy } from "../../lib/training/cross_entropy.ts";
import { tokenValues } from "../../lib/training/backward.ts";
import { inPasses } from "../../lib/training/in_passes.ts";
import { PassBudget } from "../../lib/training/pass_budget.ts";
import { onCard } from "../kernels/webgpu/on_card.ts";
import { testOnWebgpu } from "../kernels/webgpu/on_webgpu.ts";
import { tinyConfig, tinyDecoder } from "../kernels/webgpu/tiny_decoder.ts";

const sequences = Array.from({ length: 6 }, (_, i) => ({
  prompt: Array.from({ length: 12 }, (_, t) => 3 + (i * 7 + t) % 60),
  completion: Array.from({ length: 10 + 3 * i % 17 }, (_, t) => 2 + (i + 5 * t) % 60),
}));
const tokens = sequences.reduce((sum, { completion }) => sum + completion.length, 0);

function adaptedDecoder() {
  const decoder = tinyDecoder(tinyConfig);
  addLora(decoder, { rank: 2 });
  for (const { b } of decoder.lora.values()) tf.tidy(() => b.assign(tf.fill(b.shape, 0.05) as tf.Tensor2D));
  return decoder;
}

/** The loss and all gradients of the batch, and how many sequences each pass had; the decoder's weights are not on the card before. */
async function gradientsOf(budget?: PassBudget) {
  const decoder = adaptedDecoder(), sizes: number[] = [], own = budget ?? new PassBudget(decoder);
  const { gradients, loss } = await accumulate(decoder, sequences, ({ sequences }) => {
    sizes.push(sequences.length);
    return crossEntropy(tokens);
  }, { budget: own });
  const values = [loss];
  for (const gradient of Object.values(gradients)) values.push(...await gradient.data());
  tf.dispose(Object.values(gradients));
  decoder.dispose();
  return { values, sizes, notes: own.takeNotes() };
}

testOnWebgpu("accumulate() on a card with too little memory learns the same in smaller passes", async () => {
  const { value: whole, most } = await onCard(Infinity, () => gradientsOf());
  assert.deepEqual([whole.sizes, whole.notes], [[6], []]);
  for (const share of [0.8, 0.75]) {
    const { value: parts } = await onCard(share * most, () => gradientsOf());
    assert.ok(parts.sizes[0] === 6 && parts.sizes.length > 2, `${parts.sizes}`);
    const [halved, ...more] = parts.notes;
    assert.match(
      halved,
      /^A pass of 6 sequences with \d+ tokens did not fit into memory and is made in halves/,
    );
    // most of it are weights: beside them there is no room for one sequence in the end
    assert.equal(more.length, share < 0.78 ? 1 : 0);
    for (const note of more) assert.match(note, /^checkpointing is on from here: a sequence of \d+ tokens/);
    const scale = Math.max(...whole.values.map(Math.abs));
    parts.values.forEach((value, i) =>
      assert.ok(Math.abs(value - whole.values[i]) < 1e-5 * scale, `${i}: ${value} ${whole.values[i]}`)
    );
  }
});

testOnWebgpu(
  "withinGpuMemory() that fails leaves the tensors of before as they were, uploaded or not",
  async () => {
    const add = (a: tf.Tensor, b: tf.Tensor) => {
      const sum = output(a.shape), body = "if (index < u.size) { sum[index] = a[index] + b[index]; }";
      launch({ key: "test/add", groups: 1, reads: { a, b }, writes: { sum }, ints: { size: a.size }, body });
      return sum;
    };
    const uploaded = tf.tensor1d([1, 2]), fresh = tf.tensor1d([3, 4]), recorded = add(uploaded, uploaded);
    let small: tf.Tensor | undefined, large: tf.Tensor | undefined;
    await assert.rejects(
      onCard(1 << 12, () =>
        withinGpuMemory(async () => {
          small = add(fresh, recorded);
          large = output([1 << 12]);
          clear(large);
          await large.data();
        })),
      /^GpuMemoryError: the GPU's memory is full \(not enough memory left\): choose a smaller model/,
    );
    const sum = add(fresh, recorded);
    assert.deepEqual([...await recorded.data()], [2, 4]);
    assert.deepEqual([...await sum.data()], [5, 8]);
    tf.dispose([uploaded, fresh, recorded, sum, small!, large!]);
  },
);

testOnWebgpu(
  "PassBudget lets passes grow on a card while they fit, and not beyond what did not",
  async () => {
    const decoder = tinyDecoder(tinyConfig), budget = new PassBudget(decoder);
    const long = Array.from({ length: 80 }, () => ({ prompt: [1], completion: Array<number>(499).fill(2) }));
    const passes = () => budget.cut(long).map(([, { length }]) => length);
    const fits = async (count: number) =>
      void await budget.measure(long.slice(0, count), () => Promise.resolve());
    assert.equal(passes()[0], 8);
    await fits(2);
    assert.equal(passes()[0], 8);
    await fits(8);
    assert.equal(passes()[0], 16);
    await fits(16);
    await fits(32);
    // 16,384 rows fill the largest card
    assert.equal(passes()[0], 32);
    const { value: error } = await onCard(
      0,
      () =>
        withinGpuMemory(() => {
          const tensor = output([64]);
          clear(tensor);
          tensor.dispose();
          return Promise.resolve();
        }).catch((error) => error),
    );
    assert.ok(budget.shrink(long.slice(0, 32), error));
    await fits(16);
    assert.equal(passes()[0], 16);
    decoder.dispose();
  },
);

testOnWebgpu("inPasses() on a card with too little memory says the same in smaller passes", async () => {
  const decoder = adaptedDecoder();
  const values = async (passes: number[] = []) =>
    (await inPasses(sequences, {
      budget: new PassBudget(decoder),
      rowsOf: async (tokens) => {
        const { logprobs } = await tokenValues(decoder, tokens);
        passes.push(tokens.lengths.length);
        return tokens.split(logprobs);
      },
    })).map((row) => [...row]);
  await values();
  const { value: expected, most } = await onCard(Infinity, () => values());
  const passes: number[] = [], { value: actual } = await onCard(0.7 * most, () => values(passes));
  assert.ok(passes.length > 1, `${passes}`);
  actual.flat().forEach((value, i) => assert.ok(Math.abs(value - expected.flat()[i]) < 1e-4));
  decoder.dispose();
});
