import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { adamw, type AdamwOptions, adamwReference, globalNorm } from "../../lib/ops/adamw.ts";
import { assertClose, normal, testOnWebgpu } from "../kernels/webgpu/on_webgpu.ts";
import { cpuEngines, testOnCpu } from "../kernels/cpu/on_cpu.ts";

const options: AdamwOptions = {
  learningRate: 0.01,
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-8,
  weightDecay: 0.1,
  step: 0,
  gradientScale: 0.5,
};

/** Three updates of one parameter: its values and both moments. */
async function updated(f: typeof adamw, size: number): Promise<Float32Array[]> {
  const [parameter, m, v] = tf.tidy(() =>
    [tf.tensor(normal([size], 1).data), tf.zeros([size]), tf.zeros([size])].map((start) => tf.variable(start))
  );
  for (let step = 1; step <= 3; step++) {
    const gradient = tf.tensor(normal([size], 10 + step).data);
    f(parameter, gradient, { m, v }, { ...options, step });
    gradient.dispose();
  }
  const read = await Promise.all([parameter, m, v].map(async (x) => Float32Array.from(await x.data())));
  tf.dispose([parameter, m, v]);
  return read;
}

async function hold(device: () => Promise<unknown>): Promise<void> {
  for (const size of [1, 7, 64, 40_003]) {
    await tf.setBackend("cpu");
    const expected = await updated(adamwReference, size);
    await device();
    const before = tf.memory().numTensors, actual = await updated(adamw, size);
    assertClose(actual, expected, 1e-6);
    const gradients = [tf.fill([size], 3), tf.fill([2, 2], -4)];
    assert.ok(Math.abs(await globalNorm(gradients) / Math.sqrt(9 * size + 64) - 1) < 1e-6);
    tf.dispose(gradients);
    assert.equal(tf.memory().numTensors, before);
  }
}

for (const { name, ...engine } of cpuEngines.filter(({ blas }) => blas)) {
  testOnCpu(
    `adamw() and globalNorm() equal their references: ${name}`,
    () => hold(() => startEngine(engine)),
  );
}
testOnWebgpu(
  "adamw() and globalNorm() equal their references: webgpu",
  () => hold(() => tf.setBackend("webgpu")),
);

testOnCpu("adamw() takes the step that a hand calculation gives", async () => {
  await startEngine({ threads: 1 });
  const [parameter, m, v] = [2, 0.5, 0.04].map((value) => tf.tidy(() => tf.variable(tf.tensor1d([value])))),
    gradient = tf.tensor1d([0.8]);
  adamw(parameter, gradient, { m, v }, {
    learningRate: 0.1,
    beta1: 0.9,
    beta2: 0.5,
    epsilon: 0.1,
    weightDecay: 0.2,
    step: 2,
    gradientScale: 0.25,
  });
  // g = 0.2; m = 0.9·0.5 + 0.1·0.2 = 0.47; v = 0.5·0.04 + 0.5·0.04 = 0.04; m̂ = 0.47/0.19; v̂ = 0.04/0.75
  const expected = 2 * (1 - 0.1 * 0.2) - 0.1 * (0.47 / 0.19) / (Math.sqrt(0.04 / 0.75) + 0.1);
  for (const [value, wanted] of [[parameter, expected], [m, 0.47], [v, 0.04]] as const) {
    assert.ok(Math.abs(value.dataSync()[0] - wanted) < 1e-6, `${value.dataSync()[0]}, expected ${wanted}`);
  }
  tf.dispose([parameter, m, v, gradient]);
});

async function leavesClones(device: () => Promise<unknown>): Promise<void> {
  await device();
  const before = tf.memory().numTensors;
  const [parameter, m, v] = [3, 2, 1].map((value) => {
    const initial = tf.fill([5], value), variable = tf.variable(initial);
    initial.dispose();
    return variable;
  });
  const kept = [parameter, m, v].map((variable) => variable.clone()), gradient = tf.fill([5], 6);
  for (let step = 1; step <= 2; step++) adamw(parameter, gradient, { m, v }, { ...options, step });
  for (const [i, variable] of [parameter, m, v].entries()) {
    assert.deepEqual([...await kept[i].data()], new Array(5).fill([3, 2, 1][i]));
    assert.notEqual((await variable.data())[0], [3, 2, 1][i]);
  }
  tf.dispose([parameter, m, v, gradient, ...kept]);
  assert.equal(tf.memory().numTensors, before);
}

testOnCpu("adamw() leaves copies of what it changes as they were", () => leavesClones(() => startEngine()));
testOnWebgpu(
  "adamw() leaves copies of what it changes as they were: webgpu",
  () => leavesClones(() => tf.setBackend("webgpu")),
);
