import * as tf from "@tensorflow/tfjs";
import { adamw, adamwReference } from "../../lib/ops/adamw.ts";
import { attention, type AttentionOptions, attentionReference } from "../../lib/ops/attention.ts";
import { embedding, embeddingReference } from "../../lib/ops/embedding.ts";
import { gatedActivation, gatedActivationReference } from "../../lib/ops/gated_activation.ts";
import { Layout } from "../../lib/ops/layout.ts";
import { project, projectReference } from "../../lib/ops/projection.ts";
import { rmsNorm, rmsNormReference } from "../../lib/ops/rms_norm.ts";
import { tokenLogprobs, tokenLogprobsReference } from "../../lib/ops/token_logprobs.ts";
import { adamwNumbers } from "./adamw_numbers.ts";
import { median } from "./median.ts";

type Op = (...inputs: tf.Tensor[]) => tf.Tensor;

/** One operation's median times, forward and backward, in ms. */
export interface OperationTime {
  name: string;
  fused: number;
  reference: number;
}

/**
 * Each fused operation and its tfjs-core reference on the same numbers, 32 × 96 rows of the small shape (width 128, 4 heads, 512
 * units, vocabulary 512), on the backend in use.
 */
export async function timeOperations(): Promise<OperationTime[]> {
  const rows = 32 * 96, width = 128, vocabulary = 512, heads = 4, headDim = 32;
  const normal = (...shape: number[]) => tf.randomNormal(shape, 0, 1, "float32", 7);
  const ids = tf.randomUniform([rows], 0, vocabulary, "int32", 3) as tf.Tensor1D;
  const layout = new Layout(Array.from({ length: 32 }, () => new Array<number>(96).fill(5)));
  const angles = tf.mul(
    tf.reshape(tf.range(0, 96), [96, 1]),
    tf.reshape(tf.pow(0.8, tf.range(0, headDim / 2)), [1, -1]),
  );
  const heading: AttentionOptions = {
    layout,
    heads,
    kvHeads: heads,
    headDim,
    scale: headDim ** -0.5,
    epsilon: 1e-6,
    addOne: true,
    rotary: tf.concat2d([tf.cos(angles), tf.sin(angles)] as tf.Tensor2D[], 0),
  };
  const attend = (f: typeof attention): Op => (x, queryNorm, keyNorm) =>
    f(x as tf.Tensor2D, { ...heading, queryNorm: queryNorm as tf.Tensor1D, keyNorm: keyNorm as tf.Tensor1D });
  const linear = (f: typeof project, lora: boolean): Op => (x, weight, a, b) =>
    f(x as tf.Tensor2D, [{
      weight: weight as tf.Tensor2D,
      trainable: !lora,
      lora: lora ? { a: a as tf.Tensor2D, b: b as tf.Tensor2D, scale: 2 } : undefined,
    }]);
  const cases: [string, tf.Tensor[], Op, Op][] = [
    [
      "embedding",
      [normal(vocabulary, width)],
      (table) => embedding(ids, table as tf.Tensor2D, 11),
      (table) => embeddingReference(ids, table as tf.Tensor2D, 11),
    ],
    [
      "rmsNorm",
      [normal(rows, width), normal(width)],
      (x, w) => rmsNorm(x as tf.Tensor2D, w as tf.Tensor1D, { epsilon: 1e-6 }),
      (x, w) => rmsNormReference(x as tf.Tensor2D, w as tf.Tensor1D, { epsilon: 1e-6 }),
    ],
    [
      "attention with RoPE",
      [normal(rows, 3 * width), normal(headDim), normal(headDim)],
      attend(attention),
      attend(attentionReference),
    ],
    [
      "gatedActivation",
      [normal(rows, 8 * width)],
      (x) => gatedActivation(x as tf.Tensor2D, "gelu_tanh"),
      (x) => gatedActivationReference(x as tf.Tensor2D, "gelu_tanh"),
    ],
    [
      "project 128→512",
      [normal(rows, width), normal(512, width)],
      linear(project, false),
      linear(projectReference, false),
    ],
    [
      "project, LoRA r 16",
      [normal(rows, width), normal(512, width), normal(16, width), normal(512, 16)],
      linear(project, true),
      linear(projectReference, true),
    ],
    [
      "tokenLogprobs",
      [normal(rows, width), normal(vocabulary, width)],
      (x, table) => tokenLogprobs(x as tf.Tensor2D, table as tf.Tensor2D, ids).logprobs,
      (x, table) => tokenLogprobsReference(x as tf.Tensor2D, table as tf.Tensor2D, ids).logprobs,
    ],
  ];
  const times: OperationTime[] = [];
  for (const [name, inputs, fused, reference] of cases) {
    // a frozen weight gets no gradient, so it is not asked for one
    const wanted = name.includes("LoRA") ? inputs.filter((_, i) => i !== 1) : inputs;
    const time = (f: Op) =>
      median(5, () =>
        tf.tidy(() => {
          const { grads } = tf.engine().gradients(() => tf.sum(f(...inputs)), wanted);
          for (const gradient of grads) gradient.dataSync();
        }));
    times.push({ name, fused: await time(fused), reference: await time(reference) });
  }
  const parameter = tf.variable(normal(1024, 1024)), gradient = normal(1024, 1024);
  const moments = { m: tf.variable(tf.zeros([1024, 1024])), v: tf.variable(tf.zeros([1024, 1024])) };
  const update = (f: typeof adamw) =>
    median(5, () => {
      f(parameter, gradient, moments, adamwNumbers);
      parameter.dataSync();
    });
  times.push({
    name: "AdamW, 1 M numbers",
    fused: await update(adamw),
    reference: await update(adamwReference),
  });
  return times;
}
