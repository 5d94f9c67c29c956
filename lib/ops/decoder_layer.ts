import type * as tf from "@tensorflow/tfjs";
import type { DecoderDescription, Linear } from "../kernels/decoder_description.ts";
import { pcg } from "../random/counter_random.ts";
import { attention } from "./attention.ts";
import { gatedActivation } from "./gated_activation.ts";
import type { Layout } from "./layout.ts";
import { project } from "./projection.ts";
import { projectWithDropout } from "./projection_dropout.ts";
import { residualSum } from "./residual_sum.ts";
import { rmsNorm } from "./rms_norm.ts";

/** Options of {@linkcode decoderLayer}. */
export interface DecoderLayerOptions {
  /** Which layer of the decoder. */
  index: number;
  /** Where the sequences lie among the rows. */
  layout: Layout;
  /** Names the pass for the adapters' dropout; `null` drops nothing. @default null */
  dropoutSeed?: number | null;
}

/**
 * One layer of a decoder, differentiable: pre-norm attention and gated MLP with residual sums, and Gemma's norms behind each where
 * there are any. x [rows, hidden] → [rows, hidden]. Run it in `tf.tidy`.
 */
export function decoderLayer(
  x: tf.Tensor2D,
  model: DecoderDescription,
  { index, layout, dropoutSeed = null }: DecoderLayerOptions,
): tf.Tensor2D {
  const { heads, kvHeads, headDim, epsilon, addOne, trainable, queryScale, attentionSoftcap } = model,
    layer = model.layers[index],
    { queryNorm, keyNorm, rotary, window } = layer,
    normed = { epsilon, addOne, trainable };
  let places = 4 * index;
  const projected = (x: tf.Tensor2D, linears: Linear[]) =>
    dropoutSeed === null
      ? project(x, linears)
      : projectWithDropout(x, linears, pcg(dropoutSeed ^ pcg(places++)));
  /** residual + norm(x), or residual + x without a norm. */
  const add = (x: tf.Tensor2D, norm: tf.Tensor1D | undefined, residual: tf.Tensor2D): tf.Tensor2D =>
    norm ? rmsNorm(x, norm, { ...normed, residual }) : residualSum(x, residual);
  const packed = projected(rmsNorm(x, layer.inputNorm, normed), [layer.query, layer.key, layer.value]);
  const attended = attention(packed, {
    ...{ layout, heads, kvHeads, headDim, ...normed, queryNorm, keyNorm, rotary, window },
    scale: queryScale,
    softcap: attentionSoftcap,
  });
  const middle = add(projected(attended, [layer.output]), layer.postAttentionNorm, x);
  const gateUp = projected(rmsNorm(middle, layer.mlpNorm, normed), [layer.gate, layer.up]);
  const down = projected(gatedActivation(gateUp, model.activation), [layer.down]);
  return add(down, layer.postMlpNorm, middle);
}
