import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { openWebgpuDevice, WebgpuUnavailableError } from "../../lib/backend/webgpu_device.ts";
import { launch, output } from "../../lib/kernels/webgpu/program.ts";
import { testOnWebgpu } from "../kernels/webgpu/on_webgpu.ts";

testOnWebgpu("openWebgpuDevice() gives the same device again, with the adapter's limits", async () => {
  const first = await openWebgpuDevice({ allowSoftware: true }),
    again = await openWebgpuDevice({ allowSoftware: true });
  assert.equal(first, again);
  assert.equal(tf.getBackend(), "webgpu");
  assert.ok(first.limits.maxStorageBufferBindingSize >= 128 << 20);
  const sum = tf.tidy(() => tf.add(tf.tensor1d([1, 2]), tf.tensor1d([3, 4])));
  assert.deepEqual([...await sum.data()], [4, 6]);
  sum.dispose();
});

testOnWebgpu("openWebgpuDevice() refuses a software adapter unless asked for one", async () => {
  const { software } = await openWebgpuDevice({ allowSoftware: true });
  if (software) {
    await assert.rejects(
      openWebgpuDevice(),
      (error) => error instanceof WebgpuUnavailableError && /software adapter/.test(error.message),
    );
  } else assert.equal((await openWebgpuDevice()).software, false);
});

testOnWebgpu("launch() refuses to read and write one tensor", async () => {
  await openWebgpuDevice({ allowSoftware: true });
  const x = output([4]);
  const run = () =>
    launch({ key: "test/alias", groups: 1, reads: { x }, writes: { y: x }, body: "y[0] = x[0];" });
  assert.throws(run, /y shares its buffer/);
  x.dispose();
});

testOnWebgpu("reading throws what the device refused, and lastError() holds it", async () => {
  const x = output([4]);
  launch({ key: "test/broken", groups: 1, writes: { x }, body: "x[0] = no_such_name;" });
  await assert.rejects(x.data(), /refused an operation.*\n.*no_such_name/);
  x.dispose();
}, /no_such_name/);
