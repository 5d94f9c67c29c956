/** tf.matMul on the products of `multiply.ts`, for what model code still asks of tfjs itself. */
import * as tf from "@tensorflow/tfjs-core";
import { multiply } from "./multiply.ts";
import { outputInfo } from "./program.ts";

interface Transposes {
  transposeA?: boolean;
  transposeB?: boolean;
}

interface Shapes {
  rows: number;
  columns: number;
  inner: number;
  batch: number;
  sharedA: boolean;
  sharedB: boolean;
  shape: number[];
}

/** The product's sizes, or null where the batches broadcast in a way that a step through memory cannot follow. */
function shapes(a: tf.TensorInfo, b: tf.TensorInfo, { transposeA, transposeB }: Transposes): Shapes | null {
  const [a0, a1] = a.shape.slice(-2), [b0, b1] = b.shape.slice(-2), { sizeFromShape } = tf.util;
  const [rows, inner] = transposeA ? [a1, a0] : [a0, a1],
    [innerB, columns] = transposeB ? [b1, b0] : [b0, b1];
  const outerA = a.shape.slice(0, -2),
    outerB = b.shape.slice(0, -2),
    countA = sizeFromShape(outerA),
    countB = sizeFromShape(outerB);
  if (inner !== innerB || rows * columns * inner * countA * countB === 0) return null;
  const outer = countA >= countB ? outerA : outerB, batch = Math.max(countA, countB);
  if (countA !== 1 && countB !== 1 && outerA.join() !== outerB.join()) return null;
  const broadcast = outerA.length === outerB.length || countA === countB
    ? outer
    : tf.backend_util.assertAndGetBroadcastShape(outerA, outerB);
  return {
    rows,
    columns,
    inner,
    batch,
    sharedA: countA === 1,
    sharedB: countB === 1,
    shape: [...broadcast, rows, columns],
  };
}

interface KernelCall {
  inputs: {
    a: tf.TensorInfo;
    b: tf.TensorInfo;
    bias?: tf.TensorInfo;
    preluActivationWeights?: tf.TensorInfo;
  };
  attrs: { transposeA: boolean; transposeB: boolean; activation?: string };
  backend: unknown;
}

/**
 * Puts this product in place of tfjs-webgpu's `BatchMatMul` and `_FusedMatMul`; what it cannot do (activations, batches
 * that broadcast crosswise, other types) still goes to the stock kernel. Returns a function that undoes it.
 */
export function installMatmul(): () => void {
  const undo = ["BatchMatMul", "_FusedMatMul"].map((kernelName) => {
    const stock = tf.getKernel(kernelName, "webgpu");
    tf.unregisterKernel(kernelName, "webgpu");
    tf.registerKernel({
      ...stock,
      kernelFunc: (call) => {
        const {
          inputs: { a, b, bias, preluActivationWeights },
          attrs: { transposeA, transposeB, activation },
        } = call as unknown as KernelCall;
        const plain = (!activation || activation === "linear") && !preluActivationWeights &&
          a.dtype === "float32" && b.dtype === "float32";
        const found = plain ? shapes(a, b, { transposeA, transposeB }) : null;
        if (!found || bias && tf.util.sizeFromShape(bias.shape) !== found.columns) {
          return stock.kernelFunc(call);
        }
        const out = outputInfo(found.shape);
        const { columns, inner, ...sizes } = found;
        multiply({ a, factors: [{ b, columns, inner, bias }], out, transposeA, transposeB, ...sizes });
        return out;
      },
    });
    return () => {
      tf.unregisterKernel(kernelName, "webgpu");
      tf.registerKernel(stock);
    };
  });
  return () => undo.forEach((restore) => restore());
}
