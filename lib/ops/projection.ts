import * as tf from "@tensorflow/tfjs";
import { cpuEngine } from "../kernels/cpu/engine.ts";
import { projectBackward, projectForward } from "../kernels/webgpu/projection.ts";

/** A linear layer y = x·Wᵀ + bias, with an optional low-rank adapter (Hu et al. 2021, arXiv 2106.09685). */
export interface Linear {
  /** [out, in], Hugging Face's layout. */
  weight: tf.Tensor2D;
  /** [out] */
  bias?: tf.Tensor1D;
  /** Whether the weight and the bias get gradients; frozen ones cost nothing in the backward pass. */
  trainable: boolean;
  /** y += scale · (x·Aᵀ)·Bᵀ; a [rank, in], b [out, rank]. `dropout` is for `projectWithDropout` alone. */
  lora?: { a: tf.Tensor2D; b: tf.Tensor2D; scale: number; dropout?: number };
}

/** {@linkcode project} in tfjs-core operations. */
export function projectReference(x: tf.Tensor2D, linears: Linear[]): tf.Tensor2D {
  return tf.tidy(() => {
    const parts = linears.map(({ weight, bias, lora }) => {
      let y = tf.matMul(x, weight, false, true) as tf.Tensor2D;
      if (bias) y = tf.add(y, bias);
      if (lora) {
        y = tf.add(y, tf.mul(tf.matMul(tf.matMul(x, lora.a, false, true), lora.b, false, true), lora.scale));
      }
      return y;
    });
    return parts.length === 1 ? parts[0] : tf.concat(parts, 1);
  });
}

/**
 * Several linear layers of one input, side by side: x [rows, in] → [rows, Σ out]. Each writes its own columns of the
 * result, and their gradients meet in one buffer, so that neither a concatenation nor a merged LoRA weight exists.
 */
export function project(x: tf.Tensor2D, linears: Linear[]): tf.Tensor2D {
  const engine = cpuEngine();
  if (!engine && tf.getBackend() !== "webgpu") return projectReference(x, linears);
  const [rows, width] = x.shape, total = linears.reduce((sum, { weight }) => sum + weight.shape[0], 0);
  const inputs: tf.Tensor[] = [x];
  const places = linears.map(({ weight, bias, trainable, lora }) => {
    const place = { weight: -1, bias: -1, a: -1, b: -1 };
    if (trainable) place.weight = inputs.push(weight) - 1;
    if (trainable && bias) place.bias = inputs.push(bias) - 1;
    if (lora) {
      place.a = inputs.push(lora.a) - 1;
      place.b = inputs.push(lora.b) - 1;
    }
    return place;
  });
  const op = tf.customGrad((...args) => {
    const save = args.pop() as unknown as tf.GradSaveFunc, x = args[0] as tf.Tensor;
    if (!engine) {
      save([x]);
      return {
        value: projectForward(x as tf.Tensor2D, linears),
        gradFunc: (dy, [x]) => {
          const { dx, layers } = projectBackward(dy as tf.Tensor2D, x as tf.Tensor2D, linears);
          return [
            dx,
            ...layers.flatMap(({ weight, bias, a, b }) =>
              [weight, bias, a, b].filter((gradient) => gradient !== undefined)
            ),
          ];
        },
      };
    }
    const y = engine.output<tf.Tensor2D>([rows, total]);
    let column = 0;
    for (const { weight, bias, lora } of linears) {
      const out = weight.shape[0], to = engine.at(y) + column * 4;
      engine.gemm(false, true, rows, out, width, engine.at(x), width, engine.at(weight), width, to, total);
      if (bias) engine.kernels.addBias(to, total, engine.at(bias), rows, out);
      if (lora) {
        const rank = lora.a.shape[0], low = engine.scratch(rows * rank * 4);
        engine.gemm(false, true, rows, rank, width, engine.at(x), width, engine.at(lora.a), width, low, rank);
        engine.kernels.scaleInPlace(low, rows * rank, lora.scale);
        engine.gemm(false, true, rows, out, rank, low, rank, engine.at(lora.b), rank, to, total, true);
      }
      column += out;
    }
    save([x as tf.Tensor]);
    return {
      value: y,
      gradFunc: (dy, [x]) => {
        const dx = engine.output([rows, width]), grads: tf.Tensor[] = [dx];
        let column = 0;
        for (const [index, { weight, bias, lora }] of linears.entries()) {
          const out = weight.shape[0], from = engine.at(dy) + column * 4, place = places[index];
          engine.gemm(
            false,
            false,
            rows,
            width,
            out,
            from,
            total,
            engine.at(weight),
            width,
            engine.at(dx),
            width,
            index > 0,
          );
          if (place.weight >= 0) {
            const dw = grads[place.weight] = engine.output([out, width]);
            engine.gemm(
              true,
              false,
              out,
              width,
              rows,
              from,
              total,
              engine.at(x),
              width,
              engine.at(dw),
              width,
            );
          }
          if (place.bias >= 0 && bias) {
            const db = grads[place.bias] = engine.output([out]);
            engine.kernels.fill(engine.at(db), out, 0);
            engine.kernels.biasBackward(from, total, engine.at(db), rows, out);
          }
          if (lora) {
            const rank = lora.a.shape[0], low = engine.scratch(rows * rank * 4);
            const da = grads[place.a] = engine.output([rank, width]),
              db = grads[place.b] = engine.output([out, rank]);
            engine.gemm(
              false,
              true,
              rows,
              rank,
              width,
              engine.at(x),
              width,
              engine.at(lora.a),
              width,
              low,
              rank,
            );
            engine.kernels.scaleInPlace(low, rows * rank, lora.scale);
            engine.gemm(true, false, out, rank, rows, from, total, low, rank, engine.at(db), rank);
            engine.gemm(false, false, rows, rank, out, from, total, engine.at(lora.b), rank, low, rank);
            engine.kernels.scaleInPlace(low, rows * rank, lora.scale);
            engine.gemm(true, false, rank, width, rows, low, rank, engine.at(x), width, engine.at(da), width);
            engine.gemm(
              false,
              false,
              rows,
              width,
              rank,
              low,
              rank,
              engine.at(lora.a),
              width,
              engine.at(dx),
              width,
              true,
            );
          }
          column += out;
        }
        return grads;
      },
    };
  });
  return op(...inputs) as tf.Tensor2D;
}
