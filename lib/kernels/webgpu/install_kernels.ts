/**
 * Our kernels in place of tfjs-webgpu's, for what is asked of tfjs itself: every float32 matrix product, and sums of tensors that
 * the adapter cannot bind whole, such as the two gradients of a tied vocabulary table.
 */
import * as tf from "@tensorflow/tfjs-core";
import { multiply } from "./multiply.ts";
import { bindableRows, rowsOf } from "./binding.ts";
import { launch, outputInfo } from "./program.ts";

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

interface MatmulCall {
  inputs: {
    a: tf.TensorInfo;
    b: tf.TensorInfo;
    bias?: tf.TensorInfo;
    preluActivationWeights?: tf.TensorInfo;
  };
  attrs: { transposeA: boolean; transposeB: boolean; activation?: string };
}

/** The product, or null for what goes to the stock kernel: activations, batches that broadcast crosswise, other types. */
function product(call: MatmulCall): tf.TensorInfo | null {
  const { inputs: { a, b, bias, preluActivationWeights }, attrs: { transposeA, transposeB, activation } } =
    call;
  const plain = (!activation || activation === "linear") && !preluActivationWeights &&
    a.dtype === "float32" && b.dtype === "float32";
  const found = plain ? shapes(a, b, { transposeA, transposeB }) : null;
  if (!found || bias && tf.util.sizeFromShape(bias.shape) !== found.columns) return null;
  const { columns, inner, ...sizes } = found, out = outputInfo(found.shape);
  multiply({ a, factors: [{ b, columns, inner, bias }], out, transposeA, transposeB, ...sizes });
  return out;
}

/** a + b in parts, or null where the stock kernel can bind both whole. */
function sum({ inputs: { a, b } }: { inputs: { a: tf.TensorInfo; b: tf.TensorInfo } }): tf.TensorInfo | null {
  if (a.dtype !== "float32" || b.dtype !== "float32" || a.shape.join() !== b.shape.join()) return null;
  const parts = bindableRows(tf.util.sizeFromShape(a.shape), 1);
  if (parts.length < 2) return null;
  const y = outputInfo(a.shape), twice = a.dataId === b.dataId;
  for (const part of parts) {
    launch({
      key: `add/${twice}`,
      groups: Math.ceil(part.count / 64),
      reads: { a: rowsOf(a, part, 1), ...(twice ? {} : { b: rowsOf(b, part, 1) }) },
      writes: { y: rowsOf(y, part, 1) },
      ints: { count: part.count },
      body: `
  if (index >= u.count) { return; }
  y[index] = a[index] + ${twice ? "a" : "b"}[index];`,
    });
  }
  return y;
}

let undo: (() => void) | null = null;

/** Puts them in place, once; returns a function that brings the stock kernels back. */
export function installKernels(): () => void {
  if (undo) return undo;
  const replaced = { BatchMatMul: product, _FusedMatMul: product, Add: sum };
  const stock = Object.entries(replaced).map(([kernelName, ours]) => {
    const before = tf.getKernel(kernelName, "webgpu");
    tf.unregisterKernel(kernelName, "webgpu");
    tf.registerKernel({
      ...before,
      kernelFunc: (call) =>
        ours(call as unknown as Parameters<typeof ours>[0] & MatmulCall) ?? before.kernelFunc(call),
    });
    return before;
  });
  return undo = () => {
    for (const before of stock) {
      tf.unregisterKernel(before.kernelName, "webgpu");
      tf.registerKernel(before);
    }
    undo = null;
  };
}
