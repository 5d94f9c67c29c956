import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { memoryOf, OuterMemory, OuterMemoryError } from "../../lib/backend/outer_memory.ts";
import { heapUse, isOuter, outerTensor } from "../../lib/backend/shared_wasm.ts";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { Decoder } from "../../lib/models/decoder.ts";
import { initialWeights } from "../../lib/models/initial_weights.ts";
import { addLora } from "../../lib/models/lora.ts";
import { Random } from "../../lib/random/random.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { tinyConfig } from "../kernels/webgpu/tiny_decoder.ts";

Deno.test("OuterMemory gives room that nothing else has, and joins what comes back", () => {
  const memory = new OuterMemory(), { left } = memory, random = new Random(1);
  const held = new Map<number, number>();
  for (let turn = 0; turn < 2000; turn++) {
    const [oldest] = held.keys();
    if (held.size > 20 || (oldest !== undefined && random.next() < 0.3)) {
      memory.free(oldest);
      held.delete(oldest);
    } else {
      const bytes = 1 + random.int(1 << 20), address = memory.allocate(bytes);
      for (const [from, size] of held) assert.ok(address >= from + size || address + bytes <= from);
      held.set(address, bytes);
    }
  }
  for (const address of held.keys()) memory.free(address);
  assert.deepEqual([memory.left, memory.bytes], [left, 0]);
  memory.free(2 ** 32); // was never given
  assert.equal(memory.left, left);
});

Deno.test("OuterMemory goes on in the next memory, and refuses what none has room for", () => {
  const memory = new OuterMemory(), most = 4_000_000_000, count = memory.memories.length;
  // untouched pages take no memory
  const addresses = Array.from({ length: count }, () => memory.allocate(most));
  assert.deepEqual(addresses.map(memoryOf), Array.from({ length: count }, (_, i) => i + 1));
  assert.equal(memory.view(addresses[0], most).length, most);
  assert.throws(() => memory.allocate(most), OuterMemoryError);
  assert.throws(() => memory.allocate(most), /weight of 4\.00 GB: \d memories .* in use; dispose of a model/);
  memory.free(addresses[1]);
  assert.equal(memory.allocate(most), addresses[1]);
});

testOnCpu("a tensor outside the heap is read and disposed of like any other", async () => {
  const { wasm: { outer } } = await startEngine({ threads: 1 });
  const before = [heapUse.bytes, outer.bytes];
  const { tensor, values } = outerTensor([3, 5], "float32")!;
  values.set(Float32Array.from({ length: 15 }, (_, i) => i / 4));
  const variable = tf.variable(tensor), clone = tf.clone(tensor);
  assert.deepEqual([...await variable.data()], [...values]);
  assert.equal(isOuter(variable), true);
  assert.deepEqual([heapUse.bytes, outer.bytes], [before[0], before[1] + 64]);
  tf.dispose([tensor, clone]);
  assert.equal(outer.bytes, before[1] + 64);
  variable.dispose();
  assert.deepEqual([heapUse.bytes, outer.bytes], before);
});

testOnCpu("a decoder's matrices leave the heap when an adapter freezes them, and come back", async () => {
  const { wasm: { outer } } = await startEngine({ threads: 2 });
  const before = outer.bytes;
  const decoder = new Decoder(tinyConfig, initialWeights(tinyConfig, { seed: 7, standardDeviation: 0.2 }));
  const ids = [[3, 14, 15, 9], [2, 7, 18]], name = "model.layers.1.mlp.up_proj.weight";
  const numbers = async () => {
    const logits = decoder.logits(ids);
    return [...await logits.data(), logits.dispose()];
  };
  // (products of an adapter take scratch, once)
  addLora(decoder, { rank: 2 });
  await numbers();
  decoder.removeAdapter("default");
  const logits = await numbers(), values = [...await decoder.values(name)], heap = heapUse.bytes;
  const matrices = decoder.names.map((name) => decoder.shape(name)).filter(({ length }) => length === 2);
  const bytes = matrices.reduce((sum, [rows, columns]) => sum + 4 * rows * columns, 0);
  addLora(decoder, { rank: 2 });
  const adapter = [...decoder.lora.values()].reduce((sum, { a, b }) => sum + 4 * (a.size + b.size), 0);
  assert.equal(heapUse.bytes, heap - bytes + adapter);
  assert.ok(outer.bytes - before >= bytes && outer.bytes - before < bytes + 64 * matrices.length);
  // B is zero: the same numbers, by the same products
  assert.deepEqual(await numbers(), logits);
  assert.deepEqual([...await decoder.values(name)], values);
  assert.throws(
    () => decoder.weight(name),
    /up_proj.weight is frozen and lies outside tfjs's heap, read it with/,
  );
  decoder.removeAdapter("default");
  assert.deepEqual([outer.bytes, heapUse.bytes], [before, heap]);
  assert.deepEqual(await numbers(), logits);
  assert.deepEqual([...await decoder.weight(name).data()], values);
  addLora(decoder, { rank: 2 });
  decoder.dispose();
  assert.equal(outer.bytes, before);
});
