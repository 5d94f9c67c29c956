import assert from "node:assert/strict";
import type * as tf from "@tensorflow/tfjs";
import { embeddingForward } from "../../../lib/kernels/webgpu/embedding.ts";
import { packHalf } from "../../../lib/kernels/webgpu/pack_half.ts";
import { projectBackward, projectForward } from "../../../lib/kernels/webgpu/projection.ts";
import { tokenLogprobsBackward, tokenLogprobsForward } from "../../../lib/kernels/webgpu/token_logprobs.ts";
import { assertClose, integers, normal, testOnWebgpu, type Values, valuesOn } from "./on_webgpu.ts";

/** Multiples of 1/64 below 4, which float16 holds exactly. */
const exact = (shape: number[], seed: number): Values => ({
  shape,
  data: Float32Array.from(
    normal(shape, seed).data,
    (x) => Math.round(Math.max(-3, Math.min(3, x)) * 64) / 64,
  ),
});

testOnWebgpu("packHalf() keeps what float16 can hold, for every kernel that reads weights", async () => {
  const table = exact([130, 12], 1),
    x = exact([5, 12], 2),
    dy = exact([5, 130], 3),
    ids = integers([0, 129, 7, 7, 64]);
  const run =
    (pack: (weight: tf.Tensor2D) => tf.Tensor2D) =>
    (weight: tf.Tensor2D, x: tf.Tensor2D, dy: tf.Tensor2D, ids: tf.Tensor1D) => {
      const table = pack(weight),
        linears = [{ weight: table, trainable: false }],
        numbers = { chunk: 64, tableGradient: false };
      const { logprob, logSumExp } = tokenLogprobsForward(x, table, ids, numbers);
      const { dhidden } = tokenLogprobsBackward(logprob, x, table, ids, logSumExp, numbers);
      return [
        embeddingForward(ids, table, 2),
        projectForward(x, linears),
        projectBackward(dy, x, linears).dx,
        logprob,
        dhidden,
      ];
    };
  const inputs = [table, x, dy, ids];
  assertClose(
    await valuesOn("webgpu", inputs, run(packHalf)),
    await valuesOn("webgpu", inputs, run((weight) => weight.clone())),
    1e-6,
  );
});

testOnWebgpu("packHalf() refuses columns that its readers cannot align", async () => {
  await assert.rejects(
    valuesOn("webgpu", [normal([3, 6], 1)], (x) => [packHalf(x)]),
    /multiple of 4, got \[3, 6\]/,
  );
});
