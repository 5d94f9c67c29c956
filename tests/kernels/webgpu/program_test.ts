import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { bindableRows } from "../../../lib/kernels/webgpu/binding.ts";
import { compiledPipelines } from "../../../lib/kernels/webgpu/pipelines.ts";
import { launch, output } from "../../../lib/kernels/webgpu/program.ts";
import { normal, testOnWebgpu, valuesOn, withBindingLimit } from "./on_webgpu.ts";

const scaled = (x: tf.Tensor, by: number, key = "test/scaled") => {
  const y = output(x.shape);
  launch({
    key,
    groups: Math.ceil(x.size / 64),
    reads: { x },
    writes: { y },
    ints: { count: x.size },
    floats: { by },
    body: "if (index >= u.count) { return; } y[index] = x[index] * u.by;",
  });
  return y;
};

testOnWebgpu("launch() compiles a kernel once, whatever tensors and numbers come", async () => {
  const before = compiledPipelines().length, x = normal([5000], 1);
  const found = await valuesOn("webgpu", [x], (x) => {
    const results = [scaled(x, 2), scaled(x, 3), scaled(tf.slice(x, 0, 100), 4)];
    assert.equal(compiledPipelines().length - before, 1);
    results.push(scaled(x, 5, "test/scaled again"));
    assert.equal(compiledPipelines().length - before, 2);
    return results;
  });
  for (const [i, values] of found.entries()) {
    assert.deepEqual(
      [...values],
      Array.from(x.data.subarray(0, values.length), (value) => Math.fround(value * (i + 2))),
    );
  }
});

testOnWebgpu(
  "launch() gives each of 3000 launches in one go its own numbers, bind groups reused",
  async () => {
    const sums = await valuesOn("webgpu", [], () => {
      const y = tf.zeros([3000]);
      for (let slot = 0; slot < y.size; slot++) {
        const ints = { slot, value: slot * slot % 1009 };
        launch({
          key: "test/write",
          groups: 1,
          writes: { y },
          ints,
          body: "if (lane == 0) { y[u.slot] = f32(u.value); }",
        });
      }
      return [y];
    });
    assert.deepEqual([...sums[0]], Array.from({ length: 3000 }, (_, i) => i * i % 1009));
  },
);

testOnWebgpu("bindableRows() splits what the adapter cannot bind at multiples of 64 rows", async () => {
  await withBindingLimit(1 << 20, () => {
    assert.deepEqual(bindableRows(1000, 256), [{ first: 0, count: 1000 }]);
    assert.deepEqual(
      bindableRows(2500, 256),
      [0, 1024, 2048].map((first) => ({
        first,
        count: Math.min(1024, 2500 - first),
      })),
    );
    assert.deepEqual(
      bindableRows(300, 2000),
      [0, 128, 256].map((first) => ({ first, count: Math.min(128, 300 - first) })),
    );
    const run = () => tf.tidy(() => scaled(output([(1 << 18) + 1]), 1));
    assert.throws(run, /binds 1048580 bytes.*allows 1048576.*batch smaller/);
    return Promise.resolve();
  });
});

testOnWebgpu("output() refuses a tensor that no buffer can hold", async () => {
  const { maxBufferSize } = (tf.backend() as unknown as { device: GPUDevice }).device.limits;
  assert.throws(
    () => output([maxBufferSize]),
    new RegExp(`needs ${4 * maxBufferSize} bytes.*allows ${maxBufferSize}`),
  );
  await Promise.resolve();
});
