import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { clear, output } from "../../lib/kernels/webgpu/program.ts";
import { testOnWebgpu } from "../kernels/webgpu/on_webgpu.ts";

testOnWebgpu(
  "CheckedWebgpuBackend gives idle buffers back, so that batches of changing length do not fill the card",
  async () => {
    const { bufferManager } = tf.backend() as unknown as {
      bufferManager: { numBytesAllocated: number };
    };
    let highest = 0, made = 0;
    for (let rows = 64; rows < 112; rows++) {
      // 16 to 28 MB, and each size once: tfjs alone would hold 1 GB in the end
      const x = output<tf.Tensor2D>([rows, 1 << 16]);
      clear(x);
      made += x.size * 4;
      x.dispose();
      const one = output([1]);
      clear(one);
      assert.deepEqual([...await one.data()], [0]);
      one.dispose();
      highest = Math.max(highest, bufferManager.numBytesAllocated);
    }
    assert.ok(made > 2 ** 30 && highest < 320 << 20, `${made} bytes made, at most ${highest} held`);
  },
);

testOnWebgpu(
  "CheckedWebgpuBackend makes no buffer anew in a run of equal steps, however much lies idle between them",
  async () => {
    const { device } = tf.backend() as unknown as { device: GPUDevice }, { createBuffer } = device;
    let made = 0;
    device.createBuffer = (descriptor) => (made++, createBuffer.call(device, descriptor));
    try {
      const counts: number[] = [];
      for (let step = 0; step < 3; step++) {
        made = 0;
        // 432 MB at once, of which nothing is left in the end
        const tensors = Array.from({ length: 6 }, (_, i) => output([(i + 2) << 18, 16]));
        for (const tensor of tensors) clear(tensor);
        const one = output([1]);
        clear(one);
        assert.deepEqual([...await one.data()], [0]);
        tf.dispose([one, ...tensors]);
        const last = output([1]);
        clear(last);
        assert.deepEqual([...await last.data()], [0]);
        last.dispose();
        counts.push(made);
      }
      assert.ok(counts[0] >= 6, `${counts}`);
      assert.deepEqual(counts.slice(1), [0, 0]);
    } finally {
      Reflect.deleteProperty(device, "createBuffer");
    }
  },
);
