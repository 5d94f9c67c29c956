import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { gatedActivationBackward } from "../../../lib/kernels/webgpu/gated_activation_backward.ts";
import { gatedActivationForward } from "../../../lib/kernels/webgpu/gated_activation_forward.ts";
import { embeddingForward } from "../../../lib/kernels/webgpu/embedding_forward.ts";
import { multiply } from "../../../lib/kernels/webgpu/multiply.ts";
import { output } from "../../../lib/kernels/webgpu/program.ts";
import { sampleTokens } from "../../../lib/kernels/webgpu/sample_tokens.ts";
import { tokenLogprobsForward } from "../../../lib/kernels/webgpu/token_logprobs_forward.ts";
import { packHalf } from "../../../lib/weights/pack_half.ts";
import { integers, testOnWebgpu, testWithAndWithoutSubgroups, valuesOn } from "./on_webgpu.ts";

const extremes = [
  -3e4,
  -200,
  -90,
  -20,
  -9,
  -3,
  -0.5,
  -1e-3,
  -1e-6,
  0,
  1e-6,
  1e-3,
  0.5,
  3,
  9,
  20,
  90,
  200,
  3e4,
];

/** The activation and its slope in float64. */
const oracles = {
  silu(x: number) {
    const s = 1 / (1 + Math.exp(-x));
    return [x * s, s * (1 + x * (1 - s))];
  },
  gelu_tanh(x: number) {
    const c = Math.sqrt(2 / Math.PI), t = Math.tanh(c * (x + 0.044715 * x ** 3));
    return [0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x)];
  },
};

for (const activation of ["silu", "gelu_tanh"] as const) {
  testOnWebgpu(`${activation} and its slope are those of float64 from −30,000 to 30,000`, async () => {
    const x = { shape: [extremes.length, 2], data: Float32Array.from(extremes.flatMap((x) => [x, 1])) };
    const ones = { shape: [extremes.length, 1], data: new Float32Array(extremes.length).fill(1) };
    const [y, dx] = await valuesOn("webgpu", [x, ones], (x, ones) => [
      gatedActivationForward(x, activation),
      gatedActivationBackward(ones, x, activation),
    ]);
    for (const [i, at] of extremes.entries()) {
      const [value, slope] = oracles[activation](Math.fround(at));
      assert.ok(Math.abs(y[i] - value) <= 1e-6 * Math.max(1, Math.abs(value)), `${at}: ${y[i]}, ${value}`);
      assert.ok(Math.abs(dx[2 * i] - slope) <= 2e-6, `slope at ${at}: ${dx[2 * i]}, ${slope}`);
    }
  });
}

testOnWebgpu("soft-capped log-probabilities are those of float64, however large the logits", async () => {
  const softcap = 30, table = extremes.map((x) => Math.max(-2000, Math.min(2000, x)));
  const [logprob] = await valuesOn("webgpu", [
    { shape: [1, 1], data: Float32Array.of(1) },
    { shape: [table.length, 1], data: Float32Array.from(table) },
    integers([3]),
  ], (hidden, table, targets) => [tokenLogprobsForward(hidden, table, targets, { softcap }).logprobs]);
  const z = table.map((x) => softcap * Math.tanh(x / softcap)), top = Math.max(...z);
  const expected = z[3] - top - Math.log(z.reduce((sum, x) => sum + Math.exp(x - top), 0));
  assert.ok(Math.abs(logprob[0] - expected) < 1e-4, `${logprob[0]}, expected ${expected}`);
});

testOnWebgpu("16-bit weights below 6e-5 are read as they are or as 0", async () => {
  const values = Float32Array.of(5.9e-8, 6e-6, -3e-5, 6.1e-5, 6.2e-5, -1, 2048, 65504);
  const words = { shape: [1, 4], data: packHalf(values, "weights") };
  const [rows, product] = await valuesOn("webgpu", [words, integers([0])], (words, ids) => {
    const out = output<tf.Tensor2D>([8, 1]);
    multiply({ a: tf.eye(8), factors: [{ b: words, columns: 1, inner: 8 }], out, rows: 8, transposeB: true });
    return [embeddingForward(ids, words, 1), out];
  });
  for (const read of [rows, product]) {
    for (const [i, value] of new Float16Array(values).entries()) {
      const flushed = Math.abs(value) < 2 ** -14 && read[i] === 0;
      assert.ok(flushed || read[i] === value, `${read[i]}, expected ${value}`);
    }
  }
});

testWithAndWithoutSubgroups(
  "sampleTokens() gives a token of the vocabulary for logits that are not numbers, and no log-probability",
  async () => {
    const vocabulary = 300, rows = [[NaN, 300], [NaN, 1], [Infinity, 1], [-Infinity, 300]];
    const logits = Float32Array.from(
      rows.flatMap(([value, count]) =>
        Array.from({ length: vocabulary }, (_, i) => i < count ? value : i / 100)
      ),
    );
    for (const filter of [{}, { topK: 5, topP: 0.9, minP: 0.1 }, { temperature: 0 }]) {
      const [ids, logprobs] = await valuesOn(
        "webgpu",
        [{ shape: [rows.length, vocabulary], data: logits }, integers(rows.map((_, i) => i))],
        (logits, seeds) => {
          const { ids, logprob } = sampleTokens(logits, { ...filter, seeds, counter: 3 });
          return [ids, logprob];
        },
      );
      for (const [row, id] of ids.entries()) {
        assert.ok(id >= 0 && id < vocabulary, `row ${row}: token ${id}`);
        assert.ok(Number.isNaN(logprobs[row]), `row ${row}: log-probability ${logprobs[row]}`);
      }
    }
  },
);
