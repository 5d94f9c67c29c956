import * as tf from "@tensorflow/tfjs";
import { cpuEngine } from "../kernels/cpu/engine.ts";
import { rmsNormBackward, rmsNormForward } from "../kernels/webgpu/rms_norm.ts";

/** Options of {@linkcode rmsNorm}. */
export interface RmsNormOptions {
  epsilon: number;
  /** Multiply by 1 + w (Gemma) instead of w. @default false */
  addOne?: boolean;
  /** Whether the weight gets a gradient; a frozen one costs nothing in the backward pass. @default true */
  trainable?: boolean;
  /** Added after the norm: y = residual + norm(x)·w, one pass for Gemma's post-norms. [rows, width] */
  residual?: tf.Tensor2D;
}

/** {@linkcode rmsNorm} in tfjs-core operations: the oracle, and what runs where there is no kernel. */
export function rmsNormReference(
  x: tf.Tensor2D,
  weight: tf.Tensor1D,
  { epsilon, addOne, residual }: RmsNormOptions,
): tf.Tensor2D {
  return tf.tidy(() => {
    const normed = tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon)));
    const y = tf.mul(normed, addOne ? tf.add(weight, 1) : weight) as tf.Tensor2D;
    return residual ? tf.add(residual, y) : y;
  });
}

/**
 * Root-mean-square norm of each row, y = x / √(mean(x²) + ε) · w (Zhang and Sennrich 2019, arXiv 1910.07467).
 *
 * x [rows, width], weight [width] → [rows, width], differentiable in x, weight and the residual. The caller disposes of
 * the result.
 */
export function rmsNorm(x: tf.Tensor2D, weight: tf.Tensor1D, options: RmsNormOptions): tf.Tensor2D {
  const { epsilon, addOne = false, trainable = true, residual } = options, one = addOne ? 1 : 0;
  const engine = cpuEngine(), webgpu = tf.getBackend() === "webgpu";
  if (!engine && !webgpu) return rmsNormReference(x, weight, options);
  const [rows, width] = x.shape;
  const op = tf.customGrad((...inputs) => {
    const save = inputs.pop() as unknown as tf.GradSaveFunc, x = inputs[0] as tf.Tensor2D;
    save([x, weight]);
    const all = (dx: tf.Tensor, dw: tf.Tensor | null, dy: tf.Tensor) => [
      dx,
      ...(dw ? [dw] : []),
      ...(residual ? [dy.clone()] : []),
    ];
    if (!engine) {
      const { y } = rmsNormForward(x, weight, { epsilon, addOne, residual });
      return {
        value: y,
        gradFunc: (dy, saved) => {
          const { dx, dw } = rmsNormBackward(
            dy as tf.Tensor2D,
            saved[0] as tf.Tensor2D,
            saved[1] as tf.Tensor1D,
            { epsilon, addOne, weightGradient: trainable },
          );
          return all(dx, dw, dy);
        },
      };
    }
    const y = engine.output<tf.Tensor2D>([rows, width]);
    engine.run(
      "rmsForward",
      [
        engine.at(x),
        width,
        engine.at(weight),
        residual ? engine.at(residual) : 0,
        engine.at(y),
        width,
        rows,
        width,
      ],
      [epsilon, one],
      engine.chunks(rows, width),
    );
    return {
      value: y,
      gradFunc: (dy, saved) => {
        const [x, weight] = saved,
          dx = engine.output([rows, width]),
          dw = trainable ? engine.output([width]) : null,
          chunks = engine.chunks(rows, width);
        const partials = engine.scratch(chunks * width * 4);
        engine.run(
          "rmsBackward",
          [
            engine.at(x),
            width,
            engine.at(weight),
            engine.at(dy),
            width,
            engine.at(dx),
            width,
            partials,
            rows,
            width,
          ],
          [epsilon, one],
          chunks,
        );
        if (dw) engine.reduce(partials, chunks, width, engine.at(dw));
        return all(dx, dw, dy);
      },
    };
  });
  return op(x, ...(trainable ? [weight] : []), ...(residual ? [residual] : [])) as tf.Tensor2D;
}
