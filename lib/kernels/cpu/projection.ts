import type * as tf from "@tensorflow/tfjs";
import type { LinearGradients, ProjectionKernels } from "../kernels.ts";
import type { CpuEngine } from "./engine.ts";
import { readsAsItLies, storedArguments } from "./stored_product.ts";

/**
 * Linear layers on the CPU: each writes its own columns of the result, and their gradients meet in one buffer, so that neither a
 * concatenation nor a merged LoRA weight exists.
 */
export function projectionKernels(engine: CpuEngine): ProjectionKernels {
  const { at } = engine, gemm = engine.gemm;
  /** The adapter's inner activations [rows, rank], scaled, in scratch. */
  const inner = (x: tf.Tensor2D, a: tf.Tensor2D, scale: number) => {
    const [rows, width] = x.shape, rank = a.shape[0], low = engine.scratch(rows * rank * 4);
    gemm(false, true, rows, rank, width, at(x), width, at(a), width, low, rank);
    engine.kernels.scaleInPlace(low, rows * rank, scale);
    return { low, rank };
  };
  /** y = x·Wᵀ, y at an address with rows of `ld` floats. */
  const forward = (x: tf.Tensor2D, weight: tf.Tensor2D, y: number, ld: number) => {
    const [rows, width] = x.shape, matrix = engine.stored(weight);
    if (readsAsItLies(engine.pool.thread, matrix)) {
      gemm(false, true, rows, matrix.rows, width, at(x), width, matrix.address, width, y, ld);
    } else engine.run("storedForward", [at(x), rows, y, ld, ...storedArguments(matrix)], [], engine.threads);
  };
  /** dx (+)= dy·W, dy at an address with rows of `ld` floats. */
  const backward = (dy: number, ld: number, weight: tf.Tensor2D, dx: tf.Tensor2D, more: boolean) => {
    const [rows, width] = dx.shape, matrix = engine.stored(weight);
    if (readsAsItLies(engine.pool.thread, matrix)) {
      gemm(false, false, rows, width, matrix.rows, dy, ld, matrix.address, width, at(dx), width, more);
    } else {
      const numbers = [dy, ld, rows, at(dx), more ? 1 : 0, ...storedArguments(matrix)];
      engine.run("storedBackward", numbers, [], engine.threads);
    }
  };
  return {
    forward(x, linears) {
      const [rows] = x.shape, total = linears.reduce((sum, { weight }) => sum + weight.shape[0], 0);
      const y = engine.output<tf.Tensor2D>([rows, total]);
      let column = 0;
      for (const { weight, bias, lora } of linears) {
        const out = weight.shape[0], to = at(y) + column * 4;
        forward(x, weight, to, total);
        if (bias) engine.kernels.addBias(to, total, at(bias), rows, out);
        if (lora) {
          const { low, rank } = inner(x, lora.a, lora.scale);
          gemm(false, true, rows, out, rank, low, rank, at(lora.b), rank, to, total, true);
        }
        column += out;
      }
      return y;
    },
    backward(dy, x, linears) {
      const [rows, width] = x.shape, total = dy.shape[1], dx = engine.output<tf.Tensor2D>([rows, width]);
      let column = 0;
      const layers = linears.map(({ weight, bias, trainable, lora }, index) => {
        const out = weight.shape[0], from = at(dy) + column * 4, gradients: LinearGradients = {};
        column += out;
        backward(from, total, weight, dx, index > 0);
        if (trainable) {
          const dw = gradients.weight = engine.output<tf.Tensor2D>([out, width]);
          gemm(true, false, out, width, rows, from, total, at(x), width, at(dw), width);
        }
        if (trainable && bias) {
          const db = gradients.bias = engine.output<tf.Tensor1D>([out]);
          engine.kernels.fill(at(db), out, 0);
          engine.kernels.biasBackward(from, total, at(db), rows, out);
        }
        if (lora) {
          const { low, rank } = inner(x, lora.a, lora.scale);
          const da = gradients.a = engine.output<tf.Tensor2D>([rank, width]),
            db = gradients.b = engine.output<tf.Tensor2D>([out, rank]);
          gemm(true, false, out, rank, rows, from, total, low, rank, at(db), rank);
          gemm(false, false, rows, rank, out, from, total, at(lora.b), rank, low, rank);
          engine.kernels.scaleInPlace(low, rows * rank, lora.scale);
          gemm(true, false, rank, width, rows, low, rank, at(x), width, at(da), width);
          gemm(false, false, rows, width, rank, low, rank, at(lora.a), width, at(dx), width, true);
        }
        return gradients;
      });
      return { dx, layers };
    },
  };
}
