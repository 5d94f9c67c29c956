import * as tf from "@tensorflow/tfjs";
import type { DecoderDescription } from "../../lib/kernels/decoder_description.ts";
import type { Decoder } from "../../lib/models/decoder.ts";
import { gatedActivationReference } from "../../lib/ops/gated_activation.ts";
import { projectReference } from "../../lib/ops/projection.ts";
import { rmsNormReference } from "../../lib/ops/rms_norm.ts";

/** Keys and values of one layer, [rows, kvHeads, tokens, headDim] each. */
type Cache = { k: tf.Tensor4D; v: tf.Tensor4D };

/**
 * Greedy tokens after one prompt repeated in every row, by the references of our operations, that is stock tfjs alone: keys and values
 * kept on the device, one read-back at the end: prompt [tokens] → ids [rows][tokens]. For decoders of Gemma 3's parts; windows are
 * not applied, so sequences must be shorter.
 */
export async function stockDecode(
  decoder: Decoder,
  prompt: readonly number[],
  { rows, tokens }: { rows: number; tokens: number },
): Promise<number[][]> {
  const model = decoder.describe(prompt.length + tokens);
  let ids = tf.tensor1d(Array.from({ length: rows }, () => [...prompt]).flat(), "int32"),
    caches: Cache[] = [];
  const drawn: tf.Tensor1D[] = [];
  for (let made = 0, first = 0; made < tokens; made++) {
    const next = tf.tidy(() => step(model, ids, { rows, first, caches }));
    tf.dispose(caches.map(({ k, v }) => [k, v]));
    if (made === 0) ids.dispose();
    first += made === 0 ? prompt.length : 1;
    caches = next.grown;
    drawn.push(ids = next.ids);
  }
  const all = tf.tidy(() => tf.stack(drawn, 1)), read = await all.array() as number[][];
  tf.dispose([all, ...drawn, ...caches.flatMap(({ k, v }) => [k, v])]);
  return read;
}

/** ids [rows · length] at the positions from `first` → the next ids [rows], and the longer caches. */
function step(
  model: DecoderDescription,
  ids: tf.Tensor1D,
  { rows, first, caches }: { rows: number; first: number; caches: Cache[] },
): { ids: tf.Tensor1D; grown: Cache[] } {
  const { heads, kvHeads, headDim, queryScale } = model, length = ids.size / rows, share = heads / kvHeads;
  const widths = [heads, kvHeads, kvHeads].map((count) => count * headDim), grown: Cache[] = [];
  const norm = (x: tf.Tensor2D, weight: tf.Tensor1D | undefined, residual?: tf.Tensor2D) =>
    rmsNormReference(x, weight!, { ...model, residual });
  let x = tf.mul(tf.gather(model.embedding, ids), model.embeddingScale) as tf.Tensor2D;
  for (const [index, layer] of model.layers.entries()) {
    const [c, s] = [first, layer.rotary.shape[0] / 2 + first].map((row) =>
      tf.reshape(tf.slice(layer.rotary, [row, 0], [length, headDim / 2]), [1, length, 1, headDim / 2])
    );
    const byHead = (x: tf.Tensor, count: number) =>
      tf.transpose(tf.reshape(x, [rows, length, count, headDim]), [0, 2, 1, 3]) as tf.Tensor4D;
    const turned = (x: tf.Tensor2D, count: number, weight?: tf.Tensor1D) => {
      const normed = tf.reshape(norm(tf.reshape(x, [-1, headDim]), weight), [rows, length, count, headDim]);
      const [a, b] = tf.split(normed, 2, 3);
      return byHead(
        tf.concat([tf.sub(tf.mul(a, c), tf.mul(b, s)), tf.add(tf.mul(b, c), tf.mul(a, s))], 3),
        count,
      );
    };
    const packed = projectReference(norm(x, layer.inputNorm), [layer.query, layer.key, layer.value]);
    const [q, own, values] = tf.split(packed, widths, 1) as tf.Tensor2D[];
    const query = turned(q, heads, layer.queryNorm), key = turned(own, kvHeads, layer.keyNorm);
    const value = byHead(values, kvHeads);
    const k = first ? tf.concat([caches[index].k, key], 2) : key;
    const v = first ? tf.concat([caches[index].v, value], 2) : value;
    grown.push({ k, v });
    // queries of one key head stand together: [rows, kvHeads, share · length, headDim]
    const scores = tf.mul(
      tf.matMul(tf.reshape(query, [rows, kvHeads, share * length, headDim]), k, false, true),
      queryScale,
    );
    const future = tf.tidy(() => {
      const mask = tf.linalg.bandPart(tf.ones([length, length]), -1, 0);
      return tf.mul(tf.sub(tf.tile(mask, [share, 1]), 1), 1e9);
    });
    const seen = length === 1 ? scores : tf.add(scores, future);
    const out = tf.reshape(tf.matMul(tf.softmax(seen), v), [rows, heads, length, headDim]);
    const attended = tf.reshape(tf.transpose(out, [0, 2, 1, 3]), [
      rows * length,
      heads * headDim,
    ]) as tf.Tensor2D;
    const middle = norm(projectReference(attended, [layer.output]), layer.postAttentionNorm, x);
    const gateUp = projectReference(norm(middle, layer.mlpNorm), [layer.gate, layer.up]);
    const down = projectReference(gatedActivationReference(gateUp, model.activation), [layer.down]);
    x = norm(down, layer.postMlpNorm, middle);
  }
  const last = tf.reshape(
    tf.slice(tf.reshape(x, [rows, length, -1]), [0, length - 1, 0], [rows, 1, -1]),
    [rows, -1],
  );
  const logits = tf.matMul(norm(last as tf.Tensor2D, model.finalNorm), model.head, false, true);
  return { ids: tf.argMax(logits, 1) as tf.Tensor1D, grown };
}
