import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { adamwStep } from "../../../lib/kernels/webgpu/adamw_step.ts";
import { squaredNorms } from "../../../lib/kernels/webgpu/squared_norms.ts";
import { assertClose, normal, testOnWebgpu, testWithAndWithoutSubgroups, valuesOn } from "./on_webgpu.ts";

const numbers = {
  learningRate: 0.1,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  gradientScale: 0.5,
};

testOnWebgpu("adamwStep() makes three updates in place as written by hand", async () => {
  const size = 67, start = normal([size], 1), grads = [2, 3, 4].map((seed) => normal([size], seed));
  const p = Float64Array.from(start.data), m = new Float64Array(size), v = new Float64Array(size);
  for (const [step, { data }] of grads.entries()) {
    for (let i = 0; i < size; i++) {
      const g = data[i] * numbers.gradientScale;
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.999 * v[i] + 0.001 * g * g;
      const update = m[i] / (1 - 0.9 ** (step + 1)) / (Math.sqrt(v[i] / (1 - 0.999 ** (step + 1))) + 1e-8);
      p[i] -= 0.1 * 0.01 * p[i] + 0.1 * update;
    }
  }
  const actual = await valuesOn("webgpu", [start, ...grads], (param, ...grads) => {
    const m = tf.zeros([size]), v = tf.zeros([size]);
    for (const [step, grad] of grads.entries()) {
      adamwStep(param, grad, { m, v }, {
        ...numbers,
        correction1: 1 - 0.9 ** (step + 1),
        correction2: 1 - 0.999 ** (step + 1),
      });
    }
    return [param, m, v];
  });
  assertClose(actual, [p, m, v].map((values) => Float32Array.from(values)), 1e-5);
});

testOnWebgpu("adamwStep() is seen by a variable that was read before", async () => {
  const [variable, ...moments] = tf.tidy(() =>
    [[1, 2], [0, 0], [0, 0]].map((values) => tf.variable(tf.tensor1d(values)))
  );
  const grad = tf.tensor1d([1, -1]), before = tf.memory().numTensors;
  assert.deepEqual([...await variable.data()], [1, 2]);
  adamwStep(variable, grad, { m: moments[0], v: moments[1] }, {
    ...numbers,
    weightDecay: 0,
    correction1: 0.1,
    correction2: 0.001,
  });
  const after = await variable.data();
  // the first update moves every weight by the learning rate
  assert.ok(Math.abs(after[0] - 0.9) < 1e-5 && Math.abs(after[1] - 2.1) < 1e-5, `${after}`);
  assert.equal(tf.memory().numTensors, before);
  tf.dispose([variable, ...moments, grad]);
});

testWithAndWithoutSubgroups("squaredNorms() adds up squares", async () => {
  const a = normal([3, 67], 1), b = normal([20_001], 2);
  const sum = (data: ArrayLike<number>) => Array.from(data).reduce((sum, x) => sum + x * x, 0);
  const [one, both] = await valuesOn("webgpu", [a, b], (a, b) => [squaredNorms([a]), squaredNorms([a, b])]);
  assert.ok(Math.abs(one[0] / sum(a.data) - 1) < 1e-5);
  assert.ok(Math.abs(both[0] / (sum(a.data) + sum(b.data)) - 1) < 1e-5);
});
