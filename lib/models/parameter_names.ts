import type { DecoderConfig } from "./decoder_config.ts";
import { ModelFileError } from "../weights/model_file_error.ts";

/** One tensor that a decoder is made of; matrices are `[outputs, inputs]` as in Hugging Face files. */
export interface ParameterSpec {
  /** `model.layers.0.self_attn.q_proj.weight` */
  name: string;
  shape: number[];
}

/** Every tensor of a decoder under its Hugging Face name, in a fixed order: embeddings, layers, last norm, head when untied. */
export function parameterNames(config: DecoderConfig): ParameterSpec[] {
  const { hiddenSize: hidden, intermediateSize: inner, headDim } = config;
  const wide = config.heads * headDim, kvWide = config.kvHeads * headDim;
  const specs: ParameterSpec[] = [{ name: "model.embed_tokens.weight", shape: [config.vocabSize, hidden] }];
  for (let i = 0; i < config.layers; i++) {
    const add = (name: string, ...shape: number[]) =>
      specs.push({ name: `model.layers.${i}.${name}`, shape });
    const linear = (name: string, outputs: number, inputs: number, bias: boolean) => {
      add(`${name}.weight`, outputs, inputs);
      if (bias) add(`${name}.bias`, outputs);
    };
    add("input_layernorm.weight", hidden);
    linear("self_attn.q_proj", wide, hidden, config.attentionBias);
    linear("self_attn.k_proj", kvWide, hidden, config.attentionBias);
    linear("self_attn.v_proj", kvWide, hidden, config.attentionBias);
    linear("self_attn.o_proj", hidden, wide, config.outputBias);
    if (config.qkNorm) {
      add("self_attn.q_norm.weight", headDim);
      add("self_attn.k_norm.weight", headDim);
    }
    add("post_attention_layernorm.weight", hidden);
    if (config.postNorms) {
      add("pre_feedforward_layernorm.weight", hidden);
      add("post_feedforward_layernorm.weight", hidden);
    }
    linear("mlp.gate_proj", inner, hidden, config.mlpBias);
    linear("mlp.up_proj", inner, hidden, config.mlpBias);
    linear("mlp.down_proj", hidden, inner, config.mlpBias);
  }
  specs.push({ name: "model.norm.weight", shape: [hidden] });
  if (!config.tiedEmbeddings) specs.push({ name: "lm_head.weight", shape: [config.vocabSize, hidden] });
  return specs;
}

/** Where a checkpoint keeps the decoder: multimodal ones put it below a prefix, bare ones leave out `model.`. */
const prefixes = [
  { body: "model.", head: "" },
  { body: "language_model.model.", head: "language_model." },
  { body: "model.language_model.", head: "" },
  { body: "model.language_model.model.", head: "model.language_model." },
  { body: "", head: "" },
];

/** Tensors beside the decoder that a checkpoint may hold without changing its result. */
const beside =
  /(^|\.)(vision_tower|vision_model|multi_modal_projector|embed_vision)\.|rotary_emb\.(inv_freq|cos_cached|sin_cached)$|\.masked_bias$/;

/**
 * Finds each parameter of a decoder among the tensor names of a checkpoint, whatever its prefix: canonical name → name in the file.
 *
 * @throws {ModelFileError} when one is missing, or when the checkpoint has a tensor of the decoder that the configuration has no place for.
 */
export function findParameters(
  config: DecoderConfig,
  { names, where, isNumbers = () => true }: {
    names: Iterable<string>;
    where: string;
    /** Whether a tensor holds floats: whole numbers and truths are masks and positions, no weights. @default all do */
    isNumbers?: (name: string) => boolean;
  },
): Map<string, string> {
  const available = new Set(names);
  const prefix = prefixes.find(({ body }) => available.has(`${body}embed_tokens.weight`));
  const expected = parameterNames(config);
  if (prefix === undefined) {
    throw new ModelFileError(
      `loading ${where}: no tensor is called "model.embed_tokens.weight" (or has it below "language_model."); found ${available.size} tensors, such as ${
        [...available].slice(0, 3).map((name) => `"${name}"`).join(", ") || "none"
      }. Is this a ${config.architecture} checkpoint?`,
    );
  }
  const found = new Map<string, string>();
  for (const { name, shape } of expected) {
    const candidates = name === "lm_head.weight"
      ? [`${prefix.head}${name}`, name]
      : [prefix.body + name.slice("model.".length)];
    const actual = candidates.find((candidate) => available.has(candidate));
    if (actual === undefined) {
      throw new ModelFileError(
        `loading ${where}: the tensor "${
          candidates[0]
        }" of shape [${shape}] is missing; config.json (${config.architecture}, ${config.layers} layers) asks for it`,
      );
    }
    found.set(name, actual);
  }
  const used = new Set(found.values());
  for (const name of available) {
    const isHead = name.endsWith("lm_head.weight") && config.tiedEmbeddings;
    if (used.has(name) || isHead || beside.test(name) || !name.startsWith(prefix.body) || !isNumbers(name)) {
      continue;
    }
    throw new ModelFileError(
      `loading ${where}: the tensor "${name}" has no place in a ${config.architecture} decoder of ${config.layers} layers as config.json describes it; leaving it out would change the result`,
    );
  }
  return found;
}
