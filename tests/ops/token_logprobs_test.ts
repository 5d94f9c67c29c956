import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import {
  tokenLogprobs,
  type TokenLogprobsOptions,
  tokenLogprobsReference,
} from "../../lib/ops/token_logprobs.ts";
import { assertClose, normal, testOnWebgpu } from "../kernels/webgpu/on_webgpu.ts";
import { cpuEngines, testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { type OpCase, testAgainstReference } from "./on_each_backend.ts";

type Case = { rows: number; vocabulary: number; width: number; options?: TokenLogprobsOptions };
const targetsOf = ({ rows, vocabulary }: Case) =>
  tf.tensor1d(Int32Array.from({ length: rows }, (_, i) => (7 * i + 3) % vocabulary), "int32");

function own(shape: Case): OpCase {
  const { rows, vocabulary, width, options = {} } = shape,
    { temperature = 1, softcap = 0, tableTrainable = true, entropyTrainable = false } = options;
  const hidden = normal([rows, width], 8), table = normal([vocabulary, width], 9, 0.7);
  const call = (f: typeof tokenLogprobs) => (...[x, table]: tf.Tensor[]) => {
    const { logprobs, entropy, hits } = f(
      x as tf.Tensor2D,
      table as tf.Tensor2D,
      targetsOf(shape),
      options,
    );
    tf.dispose(entropyTrainable ? [hits] : [entropy, hits]);
    return entropyTrainable ? tf.add(logprobs, tf.mul(entropy, 1.7)) : logprobs;
  };
  return {
    name: `${rows} × ${width} against ${vocabulary}, temperature ${temperature}, soft-cap ${softcap}${
      tableTrainable ? "" : ", frozen table"
    }${entropyTrainable ? ", gradients of the entropy too" : ""}`,
    inputs: tableTrainable ? [hidden, table] : [hidden],
    fixed: tableTrainable ? [] : [table],
    differences: rows < 10,
    op: call(tokenLogprobs),
    reference: call(tokenLogprobsReference),
  };
}

const cases: Case[] = [
  { rows: 7, vocabulary: 13, width: 9 },
  { rows: 7, vocabulary: 13, width: 9, options: { temperature: 0.7, softcap: 3 } },
  { rows: 1, vocabulary: 2, width: 1 },
  { rows: 19, vocabulary: 30, width: 8, options: { tableTrainable: false, temperature: 2 } },
  { rows: 150, vocabulary: 51, width: 17, options: { softcap: 5 } },
  { rows: 7, vocabulary: 13, width: 9, options: { entropyTrainable: true } },
  { rows: 7, vocabulary: 14, width: 9, options: { entropyTrainable: true, temperature: 0.7, softcap: 3 } },
  {
    rows: 150,
    vocabulary: 51,
    width: 17,
    options: { entropyTrainable: true, tableTrainable: false, temperature: 1.3 },
  },
];

testAgainstReference("tokenLogprobs()", cases.map(own));

async function entropyAndHits(shape: Case): Promise<void> {
  const { rows, vocabulary, width, options = {} } = shape,
    hidden = normal([rows, width], 8),
    table = normal([vocabulary, width], 9, 0.7);
  const read = async (f: typeof tokenLogprobs) => {
    const inputs = [hidden, table].map(({ data, shape }) =>
        tf.tensor(data, shape as [number, number])
      ) as tf.Tensor2D[],
      targets = targetsOf(shape);
    const outputs = tf.tidy(() =>
        f(inputs[0], inputs[1], targets, options) as unknown as tf.TensorContainerObject
      ),
      kept = [outputs.entropy, outputs.hits] as tf.Tensor[];
    const values = await Promise.all(kept.map(async (tensor) => Float32Array.from(await tensor.data())));
    tf.dispose([inputs, targets, outputs]);
    return values;
  };
  const own = tf.getBackend(), before = tf.memory().numTensors, actual = await read(tokenLogprobs);
  assert.equal(tf.memory().numTensors, before);
  await tf.setBackend("cpu");
  const expected = await read(tokenLogprobsReference);
  await tf.setBackend(own);
  assertClose(actual, expected, 2e-5);
  assert.ok(actual[1].every((hit) => hit === 0 || hit === 1));
}

for (const { name, ...options } of cpuEngines) {
  testOnCpu(`tokenLogprobs() gives the reference's entropies and hits: ${name}`, async () => {
    await startEngine(options);
    for (const shape of cases) await entropyAndHits(shape);
  });
}
testOnWebgpu("tokenLogprobs() gives the reference's entropies and hits: webgpu", async () => {
  for (const shape of cases) if (shape.rows <= 100) await entropyAndHits(shape);
});

testOnCpu("tokenLogprobs() of equal logits is −log vocabulary, with entropy log vocabulary", async () => {
  await startEngine({ threads: 1 });
  const outputs = tf.tidy(() =>
    tokenLogprobs(
      tf.zeros([3, 4]),
      tf.ones([10, 4]),
      tf.tensor1d([0, 5, 9], "int32"),
    ) as unknown as tf.TensorContainerObject
  );
  const { logprobs, entropy, hits } = outputs as unknown as Record<string, tf.Tensor>;
  assertClose([logprobs.dataSync() as Float32Array, entropy.dataSync() as Float32Array], [
    new Float32Array(3).fill(-Math.log(10)),
    new Float32Array(3).fill(Math.log(10)),
  ], 1e-6);
  assert.equal(hits.shape[0], 3);
  tf.dispose([logprobs, entropy, hits]);
});
