import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { launch, output } from "../../lib/kernels/webgpu/program.ts";
import { testOnWebgpu } from "../kernels/webgpu/on_webgpu.ts";
import { gpuSeconds, hasTimestamps, tickSeconds } from "./gpu_time.ts";

Deno.test("tickSeconds() takes nanoseconds for what they are, and another card's ticks by the clock", () => {
  assert.equal(tickSeconds(2.02e8, 0.2), 1e-9);
  assert.equal(tickSeconds(1.9e8, 0.2), 1e-9);
  // an AMD card counts to 100 million a second
  assert.equal(tickSeconds(2e7, 0.2), 1e-8);
});

/** A kernel whose lanes count to a number. */
function count(y: tf.Tensor, turns: number): void {
  launch({
    key: "test/turns",
    groups: y.size / 64,
    writes: { y },
    ints: { turns },
    body: `
  var x = f32(lane);
  for (var i = 0; i < u.turns; i++) { x = fma(x, 0.999, 0.001); }
  y[index] = x;`,
  });
}

testOnWebgpu("gpuSeconds() tells what was submitted while it ran, and nothing before", async () => {
  if (!hasTimestamps()) return console.log("skipped: the adapter has no timestamp-query");
  const y = output([1 << 10]), { beginComputePass } = GPUCommandEncoder.prototype;
  await gpuSeconds(() => count(y, 10));
  const fastest = async (turns: number) =>
    Math.min(...await Array.fromAsync({ length: 5 }, () => gpuSeconds(() => count(y, turns))));
  const few = await fastest(500), many = await fastest(20_000);
  assert.ok(few > 0 && many > 10 * few, `${few} and ${many} s`);
  const from = performance.now(), told = await gpuSeconds(() => count(y, 20_000));
  assert.ok(told <= (performance.now() - from) / 1000, `${told} s`);
  // in a pass that is still open
  count(y, 20_000);
  assert.ok(await gpuSeconds(() => {}) === 0);
  count(y, 20_000);
  assert.ok(await gpuSeconds(() => count(y, 10)) < many / 2);
  assert.equal(GPUCommandEncoder.prototype.beginComputePass, beginComputePass);
  y.dispose();
});

testOnWebgpu(
  "gpuSeconds() runs the work and tells nothing where the adapter writes no timestamps",
  async () => {
    const { device } = tf.backend() as unknown as { device: GPUDevice };
    Object.defineProperty(device, "features", { value: new Set(), configurable: true });
    let ran = 0;
    try {
      assert.ok(Number.isNaN(await gpuSeconds(() => ran++)));
    } finally {
      Reflect.deleteProperty(device, "features");
    }
    assert.equal(ran, 1);
  },
);
