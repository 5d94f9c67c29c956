import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { activeDevice } from "../../../lib/kernels/webgpu/command_stream.ts";
import { launch, launchCount, output } from "../../../lib/kernels/webgpu/program.ts";
import { addLora } from "../../../lib/models/lora.ts";
import { testOnWebgpu } from "./on_webgpu.ts";
import { plainConfig, tinyConfig, tinyDecoder } from "./tiny_decoder.ts";
import { sampled, trained } from "./passes.ts";

testOnWebgpu(
  "the kernels' tests run on a device that grants no more than WebGPU's default limits",
  async () => {
    const { limits } = activeDevice();
    assert.deepEqual(
      [
        limits.maxStorageBuffersPerShaderStage,
        limits.maxComputeWorkgroupStorageSize,
        limits.maxStorageBufferBindingSize,
        limits.maxComputeWorkgroupsPerDimension,
      ],
      [8, 16_384, 128 << 20, 65_535],
    );
    await Promise.resolve();
  },
);

testOnWebgpu("launch() runs each of more than 65,535 workgroups once", async () => {
  for (const groups of [65_535, 65_536, 150_001]) {
    const y = tf.zeros([groups + 7]), before = launchCount();
    launch({ key: "test/count", groups, writes: { y }, body: "if (lane == 0) { y[group] += 1.0; }" });
    assert.equal(launchCount() - before, groups > 65_535 ? 2 : 1);
    const counts = await y.data();
    y.dispose();
    assert.ok(counts.subarray(0, groups).every((count) => count === 1), `${groups} workgroups`);
    assert.ok(counts.subarray(groups).every((count) => count === 0));
  }
});

testOnWebgpu("launch() refuses more buffers than the device grants", async () => {
  const buffers = Array.from({ length: 9 }, () => output([4]));
  assert.throws(
    () =>
      launch({
        key: "test/nine",
        groups: 1,
        writes: Object.fromEntries(buffers.map((tensor, i) => [`x${i}`, tensor])),
        body: "",
      }),
    /binds 9 buffers, and this adapter allows 8/,
  );
  tf.dispose(buffers);
  await Promise.resolve();
});

testOnWebgpu(
  "launch() submits by operations and by the bytes of new tensors, not only by dispatches",
  async () => {
    const { queue } = activeDevice(), { submit } = queue, y = tf.zeros([1]);
    let submissions = 0;
    queue.submit = (commands) => (submissions++, submit.call(queue, commands));
    const few = (flop: number) => {
      for (let i = 0; i < 4; i++) launch({ key: "test/flop", groups: 1, flop, writes: { y }, body: "" });
    };
    try {
      await y.data();
      submissions = 0;
      few(1e6);
      assert.equal(submissions, 0);
      // two of them would pass the bound of 5e10: each goes before the next
      few(3e10);
      assert.equal(submissions, 3);
      for (let i = 0; i < 8; i++) {
        output([1 << 24]).dispose();
        few(1);
      }
      assert.equal(submissions, 5);
    } finally {
      Reflect.deleteProperty(queue, "submit");
      y.dispose();
    }
  },
);

testOnWebgpu("launch() cuts one dispatch that would keep the card for too long into several", async () => {
  const { queue } = activeDevice(), { submit } = queue, groups = 1001, y = tf.zeros([groups]);
  await y.data();
  let submissions = 0;
  queue.submit = (commands) => (submissions++, submit.call(queue, commands));
  try {
    const before = launchCount();
    // 10 of the bound's 5e10: no whole number of workgroups goes in evenly
    launch({
      key: "test/cut",
      groups,
      flop: 5e11,
      writes: { y },
      body: "if (lane == 0) { y[group] += f32(group + 1); }",
    });
    assert.equal(launchCount() - before, 11);
    assert.equal(submissions, 10);
    const values = await y.data();
    assert.ok(values.every((value, group) => value === group + 1), `${values}`);
    // a workgroup is never cut
    launch({
      key: "test/cut",
      groups: 2,
      flop: 1e13,
      writes: { y },
      body: "if (lane == 0) { y[group] += f32(group + 1); }",
    });
    assert.equal(launchCount() - before, 13);
  } finally {
    Reflect.deleteProperty(queue, "submit");
    y.dispose();
  }
});

/** Every kernel's text of a decoding and of training steps, tied and untied, with biases, soft-caps and adapters. */
async function texts(): Promise<string[]> {
  const device = activeDevice(), { createShaderModule } = device, codes: string[] = [];
  device.createShaderModule = (descriptor) => {
    if (descriptor.code.includes("firstGroup")) codes.push(descriptor.code);
    return createShaderModule.call(device, descriptor);
  };
  try {
    for (const config of [tinyConfig, plainConfig]) {
      for (const adapted of [false, true]) {
        const decoder = tinyDecoder(config);
        if (adapted) addLora(decoder, { rank: 2 });
        await trained(decoder);
        await sampled(decoder, { topK: 20, topP: 0.9, minP: 0.05 });
        decoder.dispose();
      }
    }
  } finally {
    Reflect.deleteProperty(device, "createShaderModule");
  }
  return codes;
}

testOnWebgpu(
  "no kernel returns before a barrier, and those with workgroup memory begin with one",
  async () => {
    const codes = await texts();
    assert.ok(codes.length > 30, `${codes.length} kernels`);
    let shared = 0;
    for (const code of codes) {
      const main = code.slice(code.indexOf("fn main("));
      const last = Math.max(
        ...["workgroupBarrier()", "total(", "largest("].map((wait) => main.lastIndexOf(wait)),
      );
      const early = main.indexOf("return;");
      assert.ok(early < 0 || early > last, `a return stands before a barrier:\n${main}`);
      if (!code.includes("var<workgroup>")) continue;
      shared++;
      assert.match(main, /\) \{\s+workgroupBarrier\(\);/);
    }
    assert.ok(shared > 10, `${shared} kernels with workgroup memory`);
  },
);
