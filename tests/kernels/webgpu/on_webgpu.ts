import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import {
  checkDevice,
  lastError,
  openWebgpuDevice,
  WebgpuUnavailableError,
} from "../../../lib/backend/webgpu_device.ts";

let reason: string | null = null;
try {
  // what runs within the default limits runs on every adapter
  const { name } = await openWebgpuDevice({ allowSoftware: true, defaultLimits: true });
  console.log(`WebGPU adapter: ${name}`);
} catch (error) {
  if (!(error instanceof WebgpuUnavailableError)) throw error;
  reason = error.message;
  if (Deno.env.get("SHOWWORK_REQUIRE_WEBGPU") === "1") throw error;
  console.log(`skipped: ${reason}`);
}

/**
 * A test on the webgpu backend: it must leave no tensor behind and no error on the device. Skipped, with the reason
 * printed, where there is no adapter; SHOWWORK_REQUIRE_WEBGPU=1 makes that a failure. With `refused`, the device must have
 * reported such an error instead, which stays: such a test is its file's last.
 */
export function testOnWebgpu(name: string, run: () => Promise<void>, refused?: RegExp): void {
  Deno.test({
    name,
    ignore: reason !== null,
    // the device's own threads and buffers outlive a test
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      await tf.setBackend("webgpu");
      const before = tf.memory().numTensors;
      // what the device refused explains a wrong number better than the number does
      try {
        await run();
      } finally {
        if (!refused) checkDevice();
      }
      if (refused) assert.match(lastError()?.message ?? "nothing", refused);
      assert.equal(tf.memory().numTensors, before, "tensors left behind");
    },
  });
}

/**
 * Runs as on an adapter that binds at most `bytes` of a buffer at once (the least that WebGPU grants is 128 MB). Any larger binding,
 * of a kernel of ours or of tfjs, throws.
 */
export async function withBindingLimit<T>(bytes: number, run: () => Promise<T>): Promise<T> {
  const { device } = tf.backend() as unknown as { device: GPUDevice }, { limits } = device;
  const names = Object.keys(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(limits)));
  const lowered = Object.fromEntries(names.map((name) => [name, limits[name as "maxBufferSize"]]));
  const bind = device.createBindGroup;
  Object.defineProperty(device, "limits", {
    value: { ...lowered, maxStorageBufferBindingSize: bytes },
    configurable: true,
  });
  device.createBindGroup = (descriptor) => {
    for (const { binding, resource } of descriptor.entries) {
      const { buffer, size, offset = 0 } = resource as GPUBufferBinding;
      const bound = size ?? buffer.size - offset;
      assert.ok(bound <= bytes, `binding ${binding} takes ${bound} bytes of at most ${bytes}`);
    }
    return bind.call(device, descriptor);
  };
  try {
    return await run();
  } finally {
    Reflect.deleteProperty(device, "limits");
    Reflect.deleteProperty(device, "createBindGroup");
  }
}

/** The test twice: with what the adapter has, and as on one without subgroups, where kernels take their other form. */
export function testWithAndWithoutSubgroups(name: string, run: () => Promise<void>): void {
  testOnWebgpu(name, run);
  testOnWebgpu(`${name}, without subgroups`, async () => {
    const { device } = tf.backend() as unknown as { device: GPUDevice };
    Object.defineProperty(device, "features", { value: new Set(), configurable: true });
    try {
      await run();
    } finally {
      Reflect.deleteProperty(device, "features");
    }
  });
}

/** Numbers as plain data, with their shape: made once, and put on each backend. */
export interface Values {
  shape: number[];
  data: Float32Array | Int32Array;
}

/** Standard normal-like numbers of a fixed sequence. */
export function normal(shape: number[], seed: number, scale = 1): Values {
  let state = seed >>> 0 || 1;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const size = shape.reduce((a, b) => a * b, 1);
  const draw = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { shape, data: Float32Array.from({ length: size }, () => draw() * scale) };
}

/** Whole numbers as int32. */
export function integers(values: number[]): Values {
  return { shape: [values.length], data: Int32Array.from(values) };
}

const tensorOf = ({ shape, data }: Values) =>
  tf.tensor(data, shape, data instanceof Int32Array ? "int32" : "float32");

/** Runs a function of tensors on a backend and reads the results; every tensor made on the way is disposed of. */
export async function valuesOn(
  backend: "cpu" | "webgpu",
  inputs: Values[],
  // deno-lint-ignore no-explicit-any
  compute: (...tensors: any[]) => tf.Tensor[],
): Promise<Float32Array[]> {
  await tf.setBackend(backend);
  try {
    const results = tf.tidy(() => compute(...inputs.map(tensorOf)));
    const read = await Promise.all(results.map(async (tensor) => Float32Array.from(await tensor.data())));
    tf.dispose(results);
    return read;
  } finally {
    await tf.setBackend("webgpu");
  }
}

/** The gradients of Σ f(inputs)·weights with respect to the float inputs, in tfjs-core. */
export function gradientsOf(
  // deno-lint-ignore no-explicit-any
  f: (...tensors: any[]) => tf.Tensor,
  inputs: tf.Tensor[],
  dy: tf.Tensor,
): tf.Tensor[] {
  return tf.grads((...tensors: tf.Tensor[]) => tf.sum(tf.mul(f(...tensors), dy)))(inputs);
}

/** Largest difference, against the size of the numbers. */
export function assertClose(actual: Float32Array[], expected: Float32Array[], tolerance = 1e-4): void {
  assert.equal(actual.length, expected.length);
  for (const [i, values] of actual.entries()) {
    assert.equal(values.length, expected[i].length, `result ${i} has ${values.length} values`);
    const scale = Math.max(1, ...expected[i].map(Math.abs));
    for (const [j, value] of values.entries()) {
      assert.ok(
        Math.abs(value - expected[i][j]) <= tolerance * scale,
        `result ${i}[${j}]: ${value}, expected ${expected[i][j]}`,
      );
    }
  }
}
