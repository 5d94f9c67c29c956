import type * as tf from "@tensorflow/tfjs";
import type { Linear } from "../decoder_description.ts";
import type { LinearGradients, ProjectionKernels } from "../kernels.ts";
import type { CpuEngine } from "./engine.ts";
import { joined, readsAsItLies, storedArguments, type StoredMatrix } from "./stored_product.ts";

/**
 * Linear layers on the CPU: each writes its own columns of the result, and their gradients meet in one buffer; of weights nothing is
 * copied or merged, of adapters the small A alone.
 */
export function projectionKernels(engine: CpuEngine): ProjectionKernels {
  const { at } = engine, gemm = engine.gemm;
  /**
   * The adapters of some layers with one input x [rows × width], batched: their matrices A, scaled, below each other as one, and x·Aᵀ;
   * `more` floats of scratch behind them. Where the layers have none, `rank` is 0.
   */
  const adapters = (x: tf.Tensor2D, linears: readonly Linear[], more: (rank: number) => number) => {
    const [rows, width] = x.shape, { kernels } = engine;
    const rank = linears.reduce((sum, { lora }) => sum + (lora?.a.shape[0] ?? 0), 0);
    const a = engine.scratch((rank * (width + rows) + more(rank)) * 4), low = a + rank * width * 4;
    let first = 0;
    const places = linears.map(({ lora }) => {
      const place = first, own = lora?.a.shape[0] ?? 0;
      if (lora) {
        kernels.copyRows(at(lora.a), width, a + place * width * 4, width, own, width);
        kernels.scaleInPlace(a + place * width * 4, own * width, lora.scale);
      }
      first += own;
      return place;
    });
    if (rank > 0) gemm(false, true, rows, rank, width, at(x), width, a, width, low, rank);
    return { a, low, rank, places, behind: low + rows * rank * 4 };
  };
  /** y = x·Wᵀ, y at an address with rows of `ld` floats. */
  const forward = (x: tf.Tensor2D, matrix: StoredMatrix, y: number, ld: number) => {
    const [rows, width] = x.shape;
    if (readsAsItLies(engine.pool.thread, matrix)) {
      gemm(false, true, rows, matrix.rows, width, at(x), width, matrix.address, width, y, ld);
    } else engine.run("storedForward", [at(x), rows, y, ld, ...storedArguments(matrix)], [], engine.threads);
  };
  /** dx (+)= dy·W, dy at an address with rows of `ld` floats. */
  const backward = (dy: number, ld: number, matrix: StoredMatrix, dx: tf.Tensor2D, more: boolean) => {
    const [rows, width] = dx.shape;
    if (readsAsItLies(engine.pool.thread, matrix)) {
      gemm(false, false, rows, width, matrix.rows, dy, ld, matrix.address, width, at(dx), width, more);
    } else {
      const numbers = [dy, ld, rows, at(dx), more ? 1 : 0, ...storedArguments(matrix)];
      engine.run("storedBackward", numbers, [], engine.threads);
    }
  };
  /** The layers' matrices, queries, keys and values as one where they lie so, each with the address of its columns of `wide`. */
  const products = (linears: readonly Linear[], wide: tf.Tensor2D) => {
    let to = at(wide);
    return joined(linears.map(({ weight }) => engine.stored(weight))).map((matrix) => {
      const from = to;
      to += matrix.rows * 4;
      return [matrix, from] as const;
    });
  };
  return {
    forward(x, linears) {
      const [rows] = x.shape, total = linears.reduce((sum, { weight }) => sum + weight.shape[0], 0);
      const y = engine.output<tf.Tensor2D>([rows, total]);
      const { low, rank, places } = adapters(x, linears, () => 0);
      for (const [matrix, to] of products(linears, y)) forward(x, matrix, to, total);
      let column = 0;
      for (const [i, { weight, bias, lora }] of linears.entries()) {
        const out = weight.shape[0], to = at(y) + column * 4;
        if (bias) engine.kernels.addBias(to, total, at(bias), rows, out);
        if (lora) {
          const own = lora.a.shape[0], from = low + places[i] * 4;
          gemm(false, true, rows, out, own, from, rank, at(lora.b), own, to, total, true);
        }
        column += out;
      }
      return y;
    },
    backward(dy, x, linears) {
      const [rows, width] = x.shape, total = dy.shape[1], dx = engine.output<tf.Tensor2D>([rows, width]);
      for (const [i, [matrix, from]] of products(linears, dy).entries()) {
        backward(from, total, matrix, dx, i > 0);
      }
      let column = 0;
      const layers = linears.map(({ weight, bias, trainable }) => {
        const out = weight.shape[0], from = at(dy) + column * 4, gradients: LinearGradients = {};
        column += out;
        if (trainable) {
          const dw = gradients.weight = engine.output<tf.Tensor2D>([out, width]);
          gemm(true, false, out, width, rows, from, total, at(x), width, at(dw), width);
        }
        if (trainable && bias) {
          const db = gradients.bias = engine.output<tf.Tensor1D>([out]);
          engine.kernels.fill(at(db), out, 0);
          engine.kernels.biasBackward(from, total, at(db), rows, out);
        }
        return gradients;
      });
      const { a, low, rank, places, behind } = adapters(x, linears, (rank) => rank * (rows + width));
      if (rank === 0) return { dx, layers };
      const dLow = behind, dA = behind + rows * rank * 4;
      column = 0;
      for (const [i, { weight: { shape: [out] }, lora }] of linears.entries()) {
        const from = at(dy) + column * 4, place = places[i] * 4;
        column += out;
        if (!lora) continue;
        const own = lora.a.shape[0], db = layers[i].b = engine.output<tf.Tensor2D>([out, own]);
        gemm(true, false, out, own, rows, from, total, low + place, rank, at(db), own);
        gemm(false, false, rows, own, out, from, total, at(lora.b), own, dLow + place, rank);
      }
      gemm(false, false, rows, width, rank, dLow, rank, a, width, at(dx), width, true);
      gemm(true, false, rank, width, rows, dLow, rank, at(x), width, dA, width);
      for (const [i, { lora }] of linears.entries()) {
        if (!lora) continue;
        const own = lora.a.shape[0], da = layers[i].a = engine.output<tf.Tensor2D>([own, width]);
        engine.kernels.copyRows(dA + places[i] * width * 4, width, at(da), width, own, width);
        engine.kernels.scaleInPlace(at(da), own * width, lora.scale);
      }
      return { dx, layers };
    },
  };
}
