import * as tf from "@tensorflow/tfjs";
import type { MatrixVariable, Tensor, Tensor1D, Tensor2D, Tensor3D, Variable } from "../backend/tensors.ts";
import type { DecoderDescription, LayerDescription, Linear } from "../kernels/decoder_description.ts";
import { device, requireBackend } from "../kernels/device.ts";
import { isOuter } from "../backend/shared_wasm.ts";
import { frozenRoom } from "../kernels/frozen_room.ts";
import { formOf, storedValues } from "../kernels/stored_form.ts";
import { checkpoint } from "../ops/checkpoint.ts";
import { decoderLayer } from "../ops/decoder_layer.ts";
import { embedding } from "../ops/embedding.ts";
import { Layout } from "../ops/layout.ts";
import { project } from "../ops/projection.ts";
import { rmsNorm } from "../ops/rms_norm.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { RotaryTables } from "./rotary.ts";

/** A low-rank adapter's matrices for one linear layer. */
export interface LoraPair {
  /** [rank, in] */
  a: MatrixVariable;
  /** [out, rank] */
  b: MatrixVariable;
  /** α/rank, or α/√rank when rank-stabilised. */
  scale: number;
  /** Share of its inputs dropped in training. @default 0 */
  dropout?: number;
}

/** The values that an adapter starts with: {@linkcode Decoder.addAdapter} copies them. */
export type LoraValues = Map<string, { a: Tensor2D; b: Tensor2D; scale: number; dropout?: number }>;

/** What {@linkcode Decoder.hidden} leaves out, or in. */
export interface HiddenOptions {
  /** `false` leaves the adapter out; pairs by module name take its place, as a reference policy's do. @default true */
  adapter?: boolean | ReadonlyMap<string, LoraPair>;
  /** In training, names the pass: the same number drops the same inputs of the adapter. @default null: drops none */
  dropoutSeed?: number | null;
  /** Keep only what goes into each layer, and compute the rest again in the backward pass. @default false */
  checkpointing?: boolean;
}

/** A parameter that training updates. */
export interface Parameter {
  /** Hugging Face's name for a weight, PEFT's for an adapter matrix. */
  name: string;
  /** Changed in place by the optimizer. */
  variable: Variable;
}

/** The linear layers of a decoder layer, by their place in it. */
export const linearNames = [
  "self_attn.q_proj",
  "self_attn.k_proj",
  "self_attn.v_proj",
  "self_attn.o_proj",
  "mlp.gate_proj",
  "mlp.up_proj",
  "mlp.down_proj",
] as const;

let serial = 0;

/** The tensor of a weight, where it belongs. */
const placed = ({ shape, data }: { shape: number[]; data: Float32Array }, frozen: boolean): tf.Tensor => {
  if (!frozen || shape.length !== 2) return tf.tensor(data, shape, "float32");
  const room = frozenRoom(shape as [number, number], "float32");
  room.values.set(data);
  return room.tensor();
};

/**
 * A decoder-only transformer, described by data: Gemma 2 and 3, Qwen, Llama are values of {@linkcode DecoderConfig}.
 * Pre-norm attention and gated MLP with residual sums; Gemma adds norms behind each.
 */
export class Decoder {
  /** Tables of rotary positions that its layers share. */
  readonly rotary: RotaryTables;
  readonly #adapters = new Map<string, Map<string, LoraPair>>();
  #active: string | null = null;
  readonly #weights = new Map<string, Variable>();
  #packed = false;
  #trainBase: boolean;

  /**
   * Takes the weights over: tensors among them become the decoder's own. Where some are kept in few bits, the base is never trained; where
   * it is `frozen`, not before an adapter comes and goes.
   */
  constructor(
    readonly config: DecoderConfig,
    weights: Iterable<[string, Tensor | { shape: number[]; data: Float32Array }]>,
    { frozen = false }: { frozen?: boolean } = {},
  ) {
    if (config.headDim % 2) {
      throw new RangeError(
        `building a decoder needs an even head size for rotary positions, got headDim ${config.headDim}`,
      );
    }
    requireBackend();
    const id = serial++, { largestTensor } = device();
    for (const [name, given] of weights) {
      const bytes = 4 * tf.util.sizeFromShape(given.shape);
      if (bytes > largestTensor) {
        throw new RangeError(
          `building a decoder: ${name} [${given.shape}] takes ${bytes} bytes, and a buffer of this GPU holds ${largestTensor}: take the CPU, useBackend({ backend: "cpu" })`,
        );
      }
      const tensor = given instanceof tf.Tensor ? given : placed(given, frozen);
      const stored = tensor.dtype !== "float32";
      this.#weights.set(name, tf.variable(tensor, !stored, `decoder${id}/${name}`));
      this.#packed ||= stored;
      tensor.dispose();
    }
    this.#trainBase = !this.#packed && !frozen;
    this.#place();
    this.rotary = new RotaryTables(config.headDim);
  }

  /** Whether the base weights are trained; false once an adapter was added. */
  get trainBase(): boolean {
    return this.#trainBase;
  }

  /** Matrices that are frozen lie outside tfjs's heap on the CPU, those that are trained on it: moves the ones that do not. */
  #place(): void {
    for (const [name, weight] of this.#weights) {
      if (weight.dtype !== "float32" || weight.rank !== 2 || isOuter(weight) !== this.#trainBase) continue;
      const given = { shape: weight.shape as number[], data: weight.dataSync() as Float32Array };
      const tensor = placed(given, !this.#trainBase);
      weight.dispose();
      this.#weights.set(name, tf.variable(tensor, true, weight.name));
      tensor.dispose();
    }
  }

  /** The matrices of the adapter in use by module name, such as `model.layers.0.self_attn.q_proj`; empty without one. */
  get lora(): ReadonlyMap<string, LoraPair> {
    return this.#adapters.get(this.#active ?? "") ?? new Map();
  }

  /** An adapter's matrices, in use or not. @throws {RangeError} when there is none of that name */
  loraPairs(name: string): ReadonlyMap<string, LoraPair> {
    this.#known(name);
    return this.#adapters.get(name)!;
  }

  /** Names of the adapters, in the order they came. */
  get adapters(): string[] {
    return [...this.#adapters.keys()];
  }

  /** Name of the adapter in use, `null` when none is. */
  get adapter(): string | null {
    return this.#active;
  }

  /** Hugging Face's parameter names, in order. */
  get names(): string[] {
    return [...this.#weights.keys()];
  }

  /** A weight's float32 tensor by its Hugging Face name. @throws {RangeError} when there is none, or it is no tensor for tfjs's operations */
  weight<T extends Tensor = Tensor2D>(name: string): T {
    const weight = this.#stored(name);
    if (weight.dtype !== "float32" || isOuter(weight)) {
      throw new RangeError(
        `reading a decoder's weight: ${name} is ${
          weight.dtype === "float32" ? "frozen and lies outside tfjs's heap" : "kept in few bits"
        }, read it with values() or shape()`,
      );
    }
    return weight as unknown as T;
  }

  /** The same, or undefined. */
  maybe<T extends Tensor = Tensor1D>(name: string): T | undefined {
    return this.#weights.has(name) ? this.weight<T>(name) : undefined;
  }

  /** A weight's shape, packed or not. @throws {RangeError} when there is none */
  shape(name: string): number[] {
    const stored = this.#stored(name);
    return stored.dtype === "float32" ? stored.shape : formOf(stored).shape;
  }

  /** A weight's values without any adapter, packed or not. @throws {RangeError} when there is none */
  async values(name: string): Promise<Float32Array> {
    return await storedValues(this.#stored(name));
  }

  #stored(name: string): Variable {
    const weight = this.#weights.get(name);
    if (!weight) throw new RangeError(`reading a decoder's weight: there is no ${name}`);
    return weight;
  }

  /** The vocabulary's input vectors [vocabulary, hidden], packed or not: what `embedding` takes. */
  get embeddings(): Tensor2D {
    return this.#stored("model.embed_tokens.weight") as unknown as Tensor2D;
  }

  /** The vocabulary's output vectors [vocabulary, hidden], packed or not: what `tokenLogprobs` takes. */
  get head(): Tensor2D {
    return this.config.tiedEmbeddings
      ? this.embeddings
      : this.#stored("lm_head.weight") as unknown as Tensor2D;
  }

  /** What training updates: the adapter's matrices, or all weights. */
  parameters(): Parameter[] {
    const adapter = [...this.lora].flatMap(([module, { a, b }]) => [
      { name: `base_model.model.${module}.lora_A.weight`, variable: a as Variable },
      { name: `base_model.model.${module}.lora_B.weight`, variable: b as Variable },
    ]);
    return this.trainBase
      ? [...adapter, ...[...this.#weights].map(([name, variable]) => ({ name, variable }))]
      : adapter;
  }

  /** A linear layer as `project` takes it. */
  linear(module: string, adapter: HiddenOptions["adapter"] = true): Linear {
    const lora = this.#pairs(adapter).get(module);
    return {
      weight: this.#stored(`${module}.weight`) as unknown as Tensor2D,
      bias: this.maybe(`${module}.bias`),
      trainable: this.trainBase,
      lora,
    };
  }

  /** All parts by their role, for sequences of at most `positions` tokens, with the adapter or without. */
  describe(positions: number, adapter: HiddenOptions["adapter"] = true): DecoderDescription {
    const { config } = this;
    return {
      layers: Array.from(
        { length: config.layers },
        (_, index) => this.#describeLayer(index, positions, adapter),
      ),
      embedding: this.embeddings,
      head: this.head,
      finalNorm: this.weight("model.norm.weight"),
      heads: config.heads,
      kvHeads: config.kvHeads,
      headDim: config.headDim,
      epsilon: config.rmsEps,
      addOne: config.rmsAddOne,
      embeddingScale: config.embeddingScale,
      queryScale: config.queryScale,
      attentionSoftcap: config.attentionSoftcap ?? 0,
      finalSoftcap: config.finalSoftcap ?? 0,
      activation: config.activation,
      trainable: this.trainBase,
    };
  }

  #describeLayer(index: number, positions: number, adapter: HiddenOptions["adapter"]): LayerDescription {
    const { qkNorm, postNorms, layerRope, layerWindows } = this.config, at = `model.layers.${index}`;
    const linear = (part: string) => this.linear(`${at}.${part}`, adapter),
      norm = (part: string) => this.weight<Tensor1D>(`${at}.${part}.weight`);
    return {
      inputNorm: norm("input_layernorm"),
      query: linear("self_attn.q_proj"),
      key: linear("self_attn.k_proj"),
      value: linear("self_attn.v_proj"),
      queryNorm: qkNorm ? norm("self_attn.q_norm") : undefined,
      keyNorm: qkNorm ? norm("self_attn.k_norm") : undefined,
      output: linear("self_attn.o_proj"),
      // without norms behind, the one named after attention is the one before the MLP
      postAttentionNorm: postNorms ? norm("post_attention_layernorm") : undefined,
      mlpNorm: norm(postNorms ? "pre_feedforward_layernorm" : "post_attention_layernorm"),
      gate: linear("mlp.gate_proj"),
      up: linear("mlp.up_proj"),
      down: linear("mlp.down_proj"),
      postMlpNorm: postNorms ? norm("post_feedforward_layernorm") : undefined,
      rotary: this.rotary.get(layerRope[index], positions),
      window: layerWindows[index] ?? 0,
    };
  }

  /**
   * The hidden states before the vocabulary projection, [rows, hidden], rows as `layout` has them. The caller disposes of
   * the result; run it in `tf.tidy`.
   */
  hidden(
    layout: Layout,
    { adapter = true, dropoutSeed = null, checkpointing = false }: HiddenOptions = {},
  ): Tensor2D {
    const { config } = this;
    if (layout.longest > config.maxPositions) {
      throw new RangeError(
        `running the model needs sequences of at most ${config.maxPositions} tokens (max_position_embeddings), got ${layout.longest}`,
      );
    }
    const model = this.describe(layout.longest, adapter), { epsilon, addOne, trainable } = model;
    const drops = dropoutSeed !== null &&
      [...this.#pairs(adapter).values()].some(({ dropout = 0 }) => dropout > 0);
    let x = embedding(layout.tensors().ids, model.embedding, model.embeddingScale);
    for (let index = 0; index < model.layers.length; index++) {
      const layer = (x: Tensor2D) =>
        decoderLayer(x, model, { index, layout, dropoutSeed: drops ? dropoutSeed : null });
      const before = x;
      // a layer's results go with it; what a backward pass reads again has been saved for that
      x = checkpointing
        ? checkpoint(layer, before, this.#layerVariables(index, adapter))
        : tf.tidy(() => layer(before));
      before.dispose();
    }
    return rmsNorm(x, model.finalNorm, { epsilon, addOne, trainable });
  }

  #layerVariables(index: number, adapter: HiddenOptions["adapter"]): Variable[] {
    return this.parameters().filter(({ name }) =>
      name.includes(`model.layers.${index}.`) && (adapter === true || !name.startsWith("base_model."))
    ).map(({ variable }) => variable);
  }

  /** Logits [sequences, longest, vocabulary]; rows past a sequence's end are zero. */
  logits(sequences: readonly (readonly number[])[]): Tensor3D {
    const layout = new Layout(sequences), { longest } = layout, { finalSoftcap } = this.config;
    try {
      return tf.tidy(() => {
        let logits = project(this.hidden(layout), [{ weight: this.head, trainable: this.trainBase }]);
        if (finalSoftcap) logits = tf.mul(tf.tanh(tf.div(logits, finalSoftcap)), finalSoftcap);
        return tf.stack(Array.from(layout.starts, (start, i) => {
          const rows = tf.slice(logits, [start, 0], [layout.lengths[i], -1]);
          return tf.pad(rows, [[0, longest - layout.lengths[i]], [0, 0]]);
        })) as Tensor3D;
      });
    } finally {
      layout.dispose();
    }
  }

  /** Adds an adapter, in place of one of its name, and puts it to use; the base stays frozen from then on. */
  addAdapter(pairs: LoraValues, name = "default"): void {
    this.#disposeAdapter(name);
    const id = serial++, own = new Map<string, LoraPair>();
    for (const [module, { a, b, ...rest }] of pairs) {
      own.set(module, {
        a: tf.variable(a, true, `lora${id}/${module}/a`),
        b: tf.variable(b, true, `lora${id}/${module}/b`),
        ...rest,
      });
    }
    this.#adapters.set(name, own);
    this.#active = name;
    this.#trainBase = false;
    this.#place();
  }

  /** Puts an adapter to use, or none; the base stays frozen. @throws {RangeError} when there is none of that name */
  useAdapter(name: string | null): void {
    if (name !== null) this.#known(name);
    this.#active = name;
  }

  /** Takes an adapter away; without any left the base is trained again, unless it is packed. @throws {RangeError} when there is none of that name */
  removeAdapter(name: string): void {
    this.#known(name);
    this.#disposeAdapter(name);
    if (this.#active === name) this.#active = null;
    this.#trainBase = this.#adapters.size === 0 && !this.#packed;
    this.#place();
  }

  /** A frozen copy of the weights, adapter merged in: the reference policy of a full fine-tuning. */
  async copy(): Promise<Decoder> {
    const weights: [string, { shape: number[]; data: Float32Array }][] = [];
    for (const name of this.names) {
      weights.push([name, {
        shape: this.shape(name),
        data: (await this.merged(name)).slice(),
      }]);
    }
    return this.frozen(weights);
  }

  /** A frozen decoder of the same shape from given weights. */
  frozen(weights: Iterable<[string, { shape: number[]; data: Float32Array }]>): Decoder {
    return new Decoder(this.config, weights, { frozen: true });
  }

  /** A weight's values with the active adapter, or with other pairs, added: W + scale·B·A. */
  async merged(name: string, adapter: HiddenOptions["adapter"] = true): Promise<Float32Array> {
    const values = await this.values(name), pair = this.#pairs(adapter).get(name.replace(/\.weight$/, ""));
    if (!pair) return values;
    // tfjs-wasm keeps a product's right side packed and does not see it change in place: so a tensor of its own
    const a = await pair.a.data() as Float32Array;
    const sum = tf.tidy(() => {
      const product = tf.matMul(pair.b, tf.tensor2d(a, pair.a.shape));
      return tf.add(tf.tensor(values, this.shape(name)), tf.mul(product, pair.scale));
    });
    const data = await sum.data() as Float32Array;
    sum.dispose();
    return data;
  }

  #pairs(adapter: HiddenOptions["adapter"]): ReadonlyMap<string, LoraPair> {
    if (adapter === true || adapter === undefined) return this.lora;
    return adapter || new Map();
  }

  #known(name: string): void {
    if (this.#adapters.has(name)) return;
    throw new RangeError(
      `choosing an adapter: there is none called ${JSON.stringify(name)}; ${
        this.#adapters.size ? `there are ${this.adapters.join(", ")}` : "add one with addLora or loadAdapter"
      }`,
    );
  }

  #disposeAdapter(name: string): void {
    for (const { a, b } of this.#adapters.get(name)?.values() ?? []) tf.dispose([a, b]);
    this.#adapters.delete(name);
  }

  /** Gives its memory back. */
  dispose(): void {
    for (const name of this.adapters) this.#disposeAdapter(name);
    for (const weight of this.#weights.values()) weight.dispose();
    this.#weights.clear();
    this.rotary.dispose();
  }
}
