import type * as tf from "@tensorflow/tfjs";
import { rmsNorm, rmsNormReference } from "../../lib/ops/rms_norm.ts";
import { normal } from "../kernels/webgpu/on_webgpu.ts";
import { type OpCase, testAgainstReference } from "./on_each_backend.ts";

function own(rows: number, width: number, addOne: boolean, residual: boolean, trainable = true): OpCase {
  const inputs = [
    normal([rows, width], 1, 2),
    ...(trainable ? [normal([width], 2)] : []),
    ...(residual ? [normal([rows, width], 3)] : []),
  ];
  const call = (f: typeof rmsNorm) => (...[x, ...others]: tf.Tensor[]) => {
    const weight = (trainable ? others.shift() : others.pop()) as tf.Tensor1D;
    return f(x as tf.Tensor2D, weight, {
      epsilon: 1e-6,
      addOne,
      trainable,
      residual: others[0] as tf.Tensor2D,
    });
  };
  return {
    name: `${rows} × ${width}${addOne ? ", 1 + w" : ""}${residual ? ", residual" : ""}${
      trainable ? "" : ", frozen"
    }`,
    inputs,
    fixed: trainable ? [] : [normal([width], 2)],
    differences: rows < 10,
    op: call(rmsNorm),
    reference: call(rmsNormReference),
  };
}

testAgainstReference("rmsNorm()", [
  own(5, 7, true, true),
  own(1, 1, false, false),
  own(3, 16, false, true),
  own(33, 30, true, false),
  own(301, 129, true, true),
  own(5, 7, true, true, false),
  own(67, 70, false, false, false),
]);
