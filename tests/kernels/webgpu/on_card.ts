import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import type { CheckedWebgpuBackend } from "../../../lib/backend/webgpu_backend.ts";

/**
 * Runs on a card with room for `bytes` more: an adapter that refuses buffers beyond them, as a real one does, with an error for its scope.
 * Gives what was taken at the height, and how many buffers were refused, too.
 */
export async function onCard<T>(
  bytes: number,
  run: () => Promise<T>,
): Promise<{ value: T; most: number; refused: number }> {
  const backend = tf.backend() as unknown as CheckedWebgpuBackend, { device } = backend;
  backend.submitRecorded();
  backend.dropIdleBuffers();
  const { createBuffer, pushErrorScope, popErrorScope } = device;
  const scopes: { filter: GPUErrorFilter; error: GPUError | null }[] = [];
  let held = 0, most = 0, refused = 0;
  device.createBuffer = (descriptor) => {
    const { size } = descriptor;
    if (held + size <= bytes) {
      const buffer = createBuffer.call(device, descriptor), { destroy } = buffer;
      most = Math.max(most, held += size);
      buffer.destroy = () => (held -= size, destroy.call(buffer));
      return buffer;
    }
    const scope = scopes.findLast(({ filter }) => filter === "out-of-memory");
    assert.ok(scope, `a buffer of ${size} bytes does not fit, and nobody waits for the error`);
    refused++;
    scope.error ??= new GPUOutOfMemoryError("not enough memory left");
    if (descriptor.mappedAtCreation) throw new RangeError("the buffer cannot be mapped");
    // a buffer that is invalid without ending the test's own device: one too large
    pushErrorScope.call(device, "validation");
    const broken = createBuffer.call(device, { ...descriptor, size: device.limits.maxBufferSize + 4 });
    void popErrorScope.call(device);
    return Object.defineProperty(broken, "size", { value: size });
  };
  device.pushErrorScope = (filter) => {
    scopes.push({ filter, error: null });
    pushErrorScope.call(device, filter);
  };
  device.popErrorScope = async () => {
    const scope = scopes.pop()!, found = await popErrorScope.call(device);
    return scope.error ?? found;
  };
  try {
    return { value: await run(), most, refused };
  } finally {
    for (const name of ["createBuffer", "pushErrorScope", "popErrorScope"]) {
      Reflect.deleteProperty(device, name);
    }
  }
}
