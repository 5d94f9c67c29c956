import * as tf from "@tensorflow/tfjs";
import type { Decoder } from "../../lib/models/decoder.ts";
import { attentionReference } from "../../lib/ops/attention.ts";
import { gatedActivationReference } from "../../lib/ops/gated_activation.ts";
import type { Layout } from "../../lib/ops/layout.ts";
import { projectReference } from "../../lib/ops/projection.ts";
import { rmsNormReference } from "../../lib/ops/rms_norm.ts";

/** A decoder's passes in stock tfjs operations alone: what our kernels are measured against on a GPU. */
export class StockDecoder {
  /** @param decoder of Gemma 3's shape, not packed */
  constructor(readonly decoder: Decoder) {}

  #norm(x: tf.Tensor2D, name: string, residual?: tf.Tensor2D): tf.Tensor2D {
    const { rmsEps: epsilon, rmsAddOne: addOne } = this.decoder.config;
    return rmsNormReference(x, this.decoder.weight<tf.Tensor1D>(`${name}.weight`), {
      epsilon,
      addOne,
      residual,
    });
  }

  /** One layer, its attention given. */
  #layer(x: tf.Tensor2D, index: number, attend: (packed: tf.Tensor2D) => tf.Tensor2D): tf.Tensor2D {
    const at = `model.layers.${index}`,
      linears = (...parts: string[]) => parts.map((part) => this.decoder.linear(`${at}.${part}`));
    const packed = projectReference(
      this.#norm(x, `${at}.input_layernorm`),
      linears("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    );
    const mixed = projectReference(attend(packed), linears("self_attn.o_proj"));
    const after = this.#norm(mixed, `${at}.post_attention_layernorm`, x);
    const gateUp = projectReference(
      this.#norm(after, `${at}.pre_feedforward_layernorm`),
      linears("mlp.gate_proj", "mlp.up_proj"),
    );
    const down = projectReference(
      gatedActivationReference(gateUp, this.decoder.config.activation),
      linears("mlp.down_proj"),
    );
    return this.#norm(down, `${at}.post_feedforward_layernorm`, after);
  }

  /** The final hidden states [rows, hidden] of a batch. */
  hidden(layout: Layout): tf.Tensor2D {
    const { config, embeddings, rotary } = this.decoder;
    let x = tf.mul(tf.gather(embeddings, layout.tensors().ids), config.embeddingScale) as tf.Tensor2D;
    for (let index = 0; index < config.layers; index++) {
      const norm = (part: string) =>
        this.decoder.weight<tf.Tensor1D>(`model.layers.${index}.self_attn.${part}.weight`);
      x = this.#layer(x, index, (packed) =>
        attentionReference(packed, {
          layout,
          heads: config.heads,
          kvHeads: config.kvHeads,
          headDim: config.headDim,
          scale: config.queryScale,
          window: config.layerWindows[index] ?? 0,
          epsilon: config.rmsEps,
          addOne: config.rmsAddOne,
          queryNorm: norm("q_norm"),
          keyNorm: norm("k_norm"),
          ...rotary.get(config.layerRope[index], layout.longest),
        }));
    }
    return this.#norm(x, "model.norm");
  }

  /**
   * Greedy tokens after one prompt repeated in every row, keys and values kept on the device, one read-back at the end:
   * prompt [tokens] → ids [rows][tokens]. Windows are not applied: sequences must be shorter.
   */
  async decode(
    prompt: readonly number[],
    { rows, tokens }: { rows: number; tokens: number },
  ): Promise<number[][]> {
    const { config, embeddings, head } = this.decoder, { heads, kvHeads, headDim, layers } = config;
    const widths = [heads, kvHeads, kvHeads].map((count) => count * headDim), half = headDim / 2;
    let caches: { k: tf.Tensor4D; v: tf.Tensor4D }[] = [];
    /** ids [rows · length] at the positions from `first` → the next ids [rows], and the longer caches. */
    const step = (ids: tf.Tensor1D, first: number) => {
      const length = ids.size / rows, grown: typeof caches = [];
      let x = tf.mul(tf.gather(embeddings, ids), config.embeddingScale) as tf.Tensor2D;
      for (let index = 0; index < layers; index++) {
        const at = `model.layers.${index}.self_attn`;
        const { cos, sin } = this.decoder.rotary.get(config.layerRope[index], prompt.length + tokens);
        const [c, s] = [cos, sin].map((table) =>
          table.slice([first, 0], [length, half]).reshape([1, length, 1, half])
        );
        const turned = (x: tf.Tensor2D, count: number, norm: string) => {
          const normed = this.#norm(x.reshape([-1, headDim]), `${at}.${norm}`).reshape([
            rows,
            length,
            count,
            headDim,
          ]);
          const [a, b] = tf.split(normed, 2, 3);
          const both = tf.concat([tf.sub(tf.mul(a, c), tf.mul(b, s)), tf.add(tf.mul(b, c), tf.mul(a, s))], 3);
          return tf.transpose(both, [0, 2, 1, 3]) as tf.Tensor4D;
        };
        x = this.#layer(x, index, (packed) => {
          const [q, own, values] = tf.split(packed, widths, 1) as tf.Tensor2D[];
          const query = turned(q, heads, "q_norm"), key = turned(own, kvHeads, "k_norm");
          const value = tf.transpose(values.reshape([rows, length, kvHeads, headDim]), [
            0,
            2,
            1,
            3,
          ]) as tf.Tensor4D;
          const k = first ? tf.concat([caches[index].k, key], 2) : key;
          const v = first ? tf.concat([caches[index].v, value], 2) : value;
          grown.push({ k, v });
          // queries of one key head stand together: [rows, kvHeads, share · length, headDim]
          const grouped = query.reshape([rows, kvHeads, heads / kvHeads * length, headDim]);
          const scores = tf.mul(tf.matMul(grouped, k, false, true), config.queryScale);
          const future = tf.tidy(() => {
            const mask = tf.linalg.bandPart(tf.ones([length, length]), -1, 0);
            return tf.mul(tf.sub(tf.tile(mask, [heads / kvHeads, 1]), 1), 1e9);
          });
          const seen = length === 1 ? scores : tf.add(scores, future);
          const out = tf.matMul(tf.softmax(seen), v).reshape([rows, heads, length, headDim]);
          return tf.transpose(out, [0, 2, 1, 3]).reshape([rows * length, heads * headDim]);
        });
      }
      const last = x.reshape([rows, length, -1]).slice([0, length - 1, 0], [rows, 1, -1]).reshape([rows, -1]);
      const logits = tf.matMul(this.#norm(last as tf.Tensor2D, "model.norm"), head, false, true);
      return { ids: tf.argMax(logits, 1) as tf.Tensor1D, grown };
    };
    let ids = tf.tensor1d(Array.from({ length: rows }, () => [...prompt]).flat(), "int32");
    const drawn: tf.Tensor1D[] = [];
    for (let made = 0, first = 0; made < tokens; made++) {
      const next = tf.tidy(() => step(ids, first));
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
}
