/** Sampling on a card that is full. */
import assert from "node:assert/strict";
import { GpuMemoryError } from "../../lib/backend/webgpu_memory.ts";
import { generate } from "../../lib/generation/generate.ts";
import type { SampledTokens } from "../../lib/generation/sampling_options.ts";
import { device } from "../../lib/kernels/device.ts";
import type { Kernels } from "../../lib/kernels/kernels.ts";
import { addLora } from "../../lib/models/lora.ts";
import { onCard } from "../kernels/webgpu/on_card.ts";
import { testOnWebgpu, withBindingLimit } from "../kernels/webgpu/on_webgpu.ts";
import { tinyConfig, tinyDecoder } from "../kernels/webgpu/tiny_decoder.ts";

const prompts = [[3, 14, 15], [2, 7], [9, 5, 4]];

function assertSame(actual: SampledTokens[], expected: SampledTokens[]): void {
  assert.deepEqual(actual.map(({ tokens }) => tokens), expected.map(({ tokens }) => tokens));
  for (const [i, { logprobs }] of actual.entries()) {
    // other rows beside a row round its products otherwise
    logprobs.forEach((value, t) => assert.ok(Math.abs(value - expected[i].logprobs[t]) < 1e-4));
  }
}

testOnWebgpu("generate() on a card with too little memory draws the same, half as many at once", async () => {
  const decoder = tinyDecoder(tinyConfig), notes: string[] = [];
  addLora(decoder, { rank: 4 });
  const options = { maxTokens: 12, seed: 3, eosIds: [], onNote: (note: string) => notes.push(note) };
  let told = 0;
  const draw = (n: number) => generate(decoder, prompts, { ...options, n, onTokens: () => void told++ });
  const expected = await draw(4);
  const { most } = await onCard(Infinity, () => draw(4));
  const { most: fewest } = await onCard(
    Infinity,
    () => generate(decoder, [prompts[0]], { ...options, n: 1 }),
  );
  assert.ok(fewest < 0.7 * most, `${fewest} of ${most} bytes`);
  for (const share of [0.6, 0.2]) {
    told = 0;
    const { value, refused } = await onCard(fewest + share * (most - fewest), () => draw(4));
    assert.ok(refused > 0);
    assertSame(value, expected);
    // each completion has one look of 12 tokens: what did not fit had told nothing
    assert.equal(told, 12);
    assert.equal(notes.length, 1);
    assert.match(notes.pop()!, /^Sampling 12 completions at once did not fit into memory: half as many/);
  }
  await onCard(0, () => assert.rejects(draw(4), GpuMemoryError));
  decoder.dispose();
});

testOnWebgpu("generate() goes on with rows that ended where their packing does not fit", async () => {
  const decoder = tinyDecoder(tinyConfig), options = { n: 8, maxTokens: 60, seed: 3, eosIds: [] };
  // all but one end at the first look
  const draw = () => generate(decoder, [prompts[0]], { ...options, onTokens: (_, __, row) => row > 0 });
  const expected = await draw();
  assert.deepEqual(expected.map(({ tokens }) => tokens.length < 60), [false, ...Array(7).fill(true)]);
  const all = () => generate(decoder, [prompts[0]], options);
  const { most, refused: none } = await onCard(Infinity, all);
  assert.equal(none, 0);
  const { value, refused } = await onCard(most + 1024, draw);
  assert.ok(refused > 0);
  assertSame(value, expected);
  decoder.dispose();
});

/** Rows of each batch that `run` decodes, on kernels that draw nothing. */
async function batches(
  run: () => Promise<unknown>,
  over: Partial<ReturnType<typeof device>>,
): Promise<number[]> {
  const kernels = device().kernels as { decode: Kernels["decode"] },
    { decode } = kernels,
    rows: number[] = [];
  const own = Object.entries(over).map(([name, value]) => {
    const before = Object.getOwnPropertyDescriptor(device(), name)!;
    Object.defineProperty(device(), name, { value, configurable: true });
    return [name, before] as const;
  });
  kernels.decode = (_, prompts, { n }) => {
    rows.push(prompts.length * n);
    return Promise.resolve(
      Array.from({ length: prompts.length * n }, () => ({ tokens: [1], logprobs: [0] })),
    );
  };
  try {
    await run();
  } finally {
    kernels.decode = decode;
    for (const [name, before] of own) Object.defineProperty(device(), name, before);
  }
  return rows;
}

testOnWebgpu("generate() lets batches grow on a card while they fit, to what it binds at once", async () => {
  const decoder = tinyDecoder(tinyConfig), options = { n: 4, maxTokens: 13, eosIds: [] };
  const many = Array.from({ length: 40 }, () => [3, 4, 5]);
  // a row of 16 tokens: 2 layers × keys and values × 2 heads of 8
  const row = 2 * 2 * 16 * 2 * 8 * 4, run = () => generate(decoder, many, options);
  const sizes = { cacheAtOnce: 9 * row, mostCacheAtOnce: 30 * row };
  assert.deepEqual(await batches(run, sizes), [8, 16, ...Array(4).fill(28), 24]);
  assert.deepEqual(await batches(run, { ...sizes, mostCacheAtOnce: 9 * row }), Array(20).fill(8));
  // a quarter of a row is in one tensor: 10 rows of it can be bound, two whole prompts
  assert.deepEqual(
    await withBindingLimit(10 * row / 4, () => batches(run, sizes)),
    Array(20).fill(8),
  );
  // what the layers are wide is 2 × 40 for a token of a prompt: that many bytes for four prompts
  assert.deepEqual(
    (await withBindingLimit(4 * 3 * 80 * 4, () => batches(run, { ...sizes, cacheAtOnce: 2 ** 20 })))[0],
    Math.floor(4 * 3 * 80 * 4 / (row / 4)),
  );
  decoder.dispose();
});
