import assert from "node:assert/strict";
import type * as tf from "@tensorflow/tfjs";
import { dequantiseRows, type QuantisedMatrix } from "../../../lib/kernels/quantised_matrix.ts";
import { embeddingForward } from "../../../lib/kernels/webgpu/embedding_forward.ts";
import { halvesTensor, quantisedTensor } from "../../../lib/kernels/stored_form.ts";
import { compiledPipelines } from "../../../lib/kernels/webgpu/pipelines.ts";
import { projectionBackward } from "../../../lib/kernels/webgpu/projection_backward.ts";
import { projectionForward } from "../../../lib/kernels/webgpu/projection_forward.ts";
import { tokenLogprobsBackward } from "../../../lib/kernels/webgpu/token_logprobs_backward.ts";
import { tokenLogprobsForward } from "../../../lib/kernels/webgpu/token_logprobs_forward.ts";
import {
  assertClose,
  integers,
  normal,
  testOnWebgpu,
  type Values,
  valuesOn,
  withBindingLimit,
} from "./on_webgpu.ts";

type Kind = Pick<QuantisedMatrix, "bits" | "group" | "centre"> & { offsets: boolean };

/** GGUF's types that have each: Q8_0, Q6_K, Q5_1, Q4_0, Q4_1. */
const kinds: Kind[] = [
  { bits: 8, group: 32, centre: 128, offsets: false },
  { bits: 8, group: 16, centre: 32, offsets: false },
  { bits: 8, group: 32, centre: 0, offsets: true },
  { bits: 4, group: 32, centre: 8, offsets: false },
  { bits: 4, group: 32, centre: 0, offsets: true },
];

function matrix(rows: number, columns: number, { offsets, ...kind }: Kind, seed: number): QuantisedMatrix {
  const random = normal([rows * columns * kind.bits / 8], seed, 1e6).data;
  const groups = [rows, columns / kind.group];
  return {
    shape: [rows, columns],
    ...kind,
    codes: Uint8Array.from(random, (x) => Math.abs(Math.round(x)) & 255),
    scales: normal(groups, seed + 1, 1 / (kind.bits === 8 ? 500 : 30)).data as Float32Array,
    offsets: offsets ? normal(groups, seed + 2, 0.2).data as Float32Array : null,
  };
}

const plain = (q: QuantisedMatrix): Values => ({
  shape: q.shape,
  data: dequantiseRows(q, { from: 0, to: q.shape[0] }),
});

for (const kind of kinds) {
  const name = `${kind.bits} bits, groups of ${kind.group}, codes from ${kind.centre}${
    kind.offsets ? ", offsets" : ""
  }`;
  testOnWebgpu(
    `products and embeddings read a quantised matrix as its float32 numbers: ${name}`,
    async () => {
      const inner = 160, one = matrix(70, inner, kind, 5), two = matrix(36, inner, kind, 9);
      for (const rows of [1, 3, 8, 45]) {
        const x = normal([rows, inner], 1), dy = normal([rows, 106], 2), ids = integers([0, 69, 13, 13]);
        const a = normal([2, inner], 3), b = normal([70, 2], 4);
        const run = (weights: tf.Tensor2D[], [x, dy, ids, a, b]: tf.Tensor[]) => {
          const linears = weights.map((weight, i) => ({
            weight,
            trainable: false,
            lora: i ? undefined : { a: a as tf.Tensor2D, b: b as tf.Tensor2D, scale: 0.5 },
          }));
          const { dx, layers } = projectionBackward(dy as tf.Tensor2D, x as tf.Tensor2D, linears);
          return [
            projectionForward(x as tf.Tensor2D, linears),
            dx,
            layers[0].a!,
            layers[0].b!,
            embeddingForward(ids as tf.Tensor1D, weights[0], 3),
          ];
        };
        const inputs = [x, dy, ids, a, b];
        const expected = await valuesOn(
          "webgpu",
          [plain(one), plain(two), ...inputs],
          (one, two, ...rest) => run([one, two], rest),
        );
        const actual = await valuesOn("webgpu", inputs, (...rest) =>
          run(
            [one, two].map((q) => quantisedTensor(q)),
            rest,
          ));
        assertClose(actual, expected, 2e-5);
      }
    },
  );
}

testOnWebgpu(
  "a quantised vocabulary gives log-probabilities and the hidden gradient, in chunks too",
  async () => {
    const table = matrix(300, 64, kinds[0], 3), hidden = normal([5, 64], 1), dy = normal([5], 2);
    const targets = integers([0, 299, 128, 5, 64]);
    const run = (table: tf.Tensor2D, [hidden, targets, dy]: tf.Tensor[]) => {
      const numbers = { chunk: 128, tableGradient: false };
      const { logprobs, logSumExp, entropy } = tokenLogprobsForward(
        hidden as tf.Tensor2D,
        table,
        targets as tf.Tensor1D,
        numbers,
      );
      const { dHidden } = tokenLogprobsBackward(
        { logprobs: dy as tf.Tensor1D, entropy: null },
        { hidden: hidden as tf.Tensor2D, table, targets: targets as tf.Tensor1D, logSumExp, entropy },
        numbers,
      );
      return [logprobs, entropy, dHidden];
    };
    const inputs = [hidden, targets, dy];
    const expected = await valuesOn(
      "webgpu",
      [plain(table), ...inputs],
      (table, ...rest) => run(table, rest),
    );
    assertClose(
      await valuesOn("webgpu", inputs, (...rest) => run(quantisedTensor(table), rest)),
      expected,
      2e-5,
    );
    // 300 rows of 72 words: more than 64 KiB
    await withBindingLimit(1 << 16, async () => {
      assertClose(
        await valuesOn("webgpu", inputs, (...rest) => run(quantisedTensor(table), rest)),
        expected,
        2e-5,
      );
    });
  },
);

testOnWebgpu("the kind of a matrix is part of its pipelines' names", async () => {
  const before = compiledPipelines().length, ids = integers([0]);
  for (const kind of kinds) {
    // a wider row than above keeps its kind's pipeline
    const wide = matrix(2, 320, kind, 7);
    const [row] = await valuesOn("webgpu", [ids], (ids) => [embeddingForward(ids, quantisedTensor(wide), 1)]);
    assertClose([row], [dequantiseRows(wide, { from: 0, to: 1 })], 1e-6);
  }
  assert.equal(compiledPipelines().length, before);
  const names = compiledPipelines().map(({ name }) => name).filter((name) =>
    name.startsWith("embedding_forward/")
  );
  for (const key of ["q8/32/128", "q8/16/32", "q8/32/0/offsets", "q4/32/8", "q4/32/0/offsets"]) {
    assert.ok(names.some((name) => name.startsWith(`embedding_forward/${key}/`)), key);
  }
});

testOnWebgpu(
  "products and embeddings read bfloat16 as the upper half of float32, the smallest numbers too",
  async () => {
    const columns = 64, rows = 5, { data } = normal([rows, columns], 3);
    const numbers = Float32Array.from(data, (x, i) => i % 9 === 0 ? x * 1e-36 : x);
    const bits = new Uint32Array(numbers.buffer).map((word) => word & 0xffff0000);
    const words = Int32Array.from(
      { length: bits.length / 2 },
      (_, i) => bits[2 * i] >>> 16 | bits[2 * i + 1],
    );
    const exact: Values = { shape: [rows, columns], data: new Float32Array(bits.buffer) };
    for (const height of [1, 8, 20]) {
      const x = normal([height, columns], 1), dy = normal([height, rows], 2), ids = integers([4, 0]);
      const run = (weight: tf.Tensor2D, [x, dy, ids]: tf.Tensor[]) => {
        const linears = [{ weight, trainable: false }];
        return [
          projectionForward(x as tf.Tensor2D, linears),
          projectionBackward(dy as tf.Tensor2D, x as tf.Tensor2D, linears).dx,
          embeddingForward(ids as tf.Tensor1D, weight, 1),
        ];
      };
      const expected = await valuesOn("webgpu", [exact, x, dy, ids], (weight, ...rest) => run(weight, rest));
      const actual = await valuesOn(
        "webgpu",
        [x, dy, ids],
        (...rest) => run(halvesTensor(words, [rows, columns], "bfloat16"), rest),
      );
      assertClose(actual.slice(0, 2), expected.slice(0, 2), 1e-5);
      assert.deepEqual(actual[2], expected[2]);
    }
  },
);
