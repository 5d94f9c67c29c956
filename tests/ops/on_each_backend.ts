import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { checkDevice } from "../../lib/backend/webgpu_device.ts";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { cpuEngines, testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { assertClose, normal, testOnWebgpu, type Values } from "../kernels/webgpu/on_webgpu.ts";

/** An operation and its reference on the same numbers. */
export interface OpCase {
  name: string;
  /** The differentiable inputs. */
  inputs: Values[];
  /** What is passed after them and gets no gradient. */
  fixed?: Values[];
  /** Whether the gradient is also held to differences of values. */
  differences?: boolean;
  op(...inputs: tf.Tensor[]): tf.Tensor;
  reference(...inputs: tf.Tensor[]): tf.Tensor;
  /** Gives back what the two keep on a backend. */
  dispose?(): void;
}

const tensors = (values: Values[]) => values.map(({ data, shape }) => tf.tensor(data, shape, "float32"));

/** The result and the gradients of a weighted sum of it, on the backend in use. */
function valuesAndGradients(
  { inputs, fixed = [] }: OpCase,
  compute: (...inputs: tf.Tensor[]) => tf.Tensor,
): Promise<Float32Array[]> {
  const found = tf.tidy(() => {
    const args = tensors(inputs), others = tensors(fixed);
    const f = (...args: tf.Tensor[]) => compute(...args, ...others), { shape } = f(...args);
    const weights = tf.tensor(normal(shape, 5).data, shape);
    const { value, grads } = tf.valueAndGrads((...args: tf.Tensor[]) => tf.sum(tf.mul(f(...args), weights)))(
      args,
    );
    value.dispose();
    return [f(...args), ...grads];
  });
  return readAll(found);
}

async function readAll(found: tf.Tensor[]): Promise<Float32Array[]> {
  const read = await Promise.all(found.map(async (tensor) => Float32Array.from(await tensor.data())));
  tf.dispose(found);
  return read;
}

/** The derivative along a random direction, from the gradient and from two values. */
async function slopes(
  { inputs, fixed = [], op }: OpCase,
  gradients: Float32Array[],
): Promise<[number, number]> {
  const step = 0.01, directions = inputs.map(({ shape }, i) => normal(shape, 91 + i).data);
  const lossAt = async (sign: number) => {
    const moved = inputs.map(({ shape, data }, i) => ({
      shape,
      data: Float32Array.from(data, (x, j) => x + sign * step * directions[i][j]),
    }));
    const [y] = await readAll(tf.tidy(() => [op(...tensors([...moved, ...fixed]))])),
      weights = normal([y.length], 5).data;
    return y.reduce((sum, value, i) => sum + value * weights[i], 0);
  };
  const byGradient = gradients.reduce(
    (sum, g, i) => g.reduce((sum, x, j) => sum + x * directions[i][j], sum),
    0,
  );
  return [byGradient, (await lossAt(1) - await lossAt(-1)) / (2 * step)];
}

const oracle = new Map<OpCase, Float32Array[]>();

async function hold(device: () => Promise<unknown>, own: OpCase): Promise<void> {
  let expected = oracle.get(own);
  if (!expected) {
    await tf.setBackend("cpu");
    oracle.set(own, expected = await valuesAndGradients(own, own.reference));
    own.dispose?.();
  }
  await device();
  const before = tf.memory().numTensors, actual = await valuesAndGradients(own, own.op);
  assert.equal(actual.length, own.inputs.length + 1);
  assertClose(actual, expected, 3e-5);
  if (own.differences) {
    const [byGradient, byDifference] = await slopes(own, actual.slice(1));
    assert.ok(
      Math.abs(byGradient - byDifference) < 0.01 * (1 + Math.abs(byGradient)),
      `${own.name}: slope ${byGradient} by gradient, ${byDifference} by difference`,
    );
  }
  own.dispose?.();
  assert.equal(tf.memory().numTensors, before, `${own.name}: tensors left behind`);
}

/** Holds values and gradients of an operation to its reference in tfjs-core, on every backend. */
export function testAgainstReference(op: string, cases: OpCase[]): void {
  for (const { name, ...options } of cpuEngines) {
    testOnCpu(`${op} equals its reference, values and gradients: ${name}`, async (t) => {
      for (const own of cases) await t.step(own.name, () => hold(() => startEngine(options), own));
    });
  }
  testOnWebgpu(`${op} equals its reference, values and gradients: webgpu`, async () => {
    const device = () => tf.setBackend("webgpu");
    await device();
    for (const own of cases) await hold(device, own);
    checkDevice();
  });
}
