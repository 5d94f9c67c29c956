import type { GgufFile } from "../weights/gguf_file.ts";
import { ModelFileError } from "../weights/model_file_error.ts";
import { architectures } from "./architectures/all.ts";
import type { Architecture } from "./architectures/architecture.ts";
import { type ModelJson, ropeScalingJson } from "./config_fields.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { GgufFields } from "./gguf_fields.ts";
import { parseModelConfig } from "./model_config.ts";
import { inverseFrequencies } from "./rotary.ts";

/** The decoder that the metadata of a GGUF file describes; `files` are all its parts. @throws {ModelFileError} naming the key */
export async function ggufConfig(files: GgufFile[]): Promise<DecoderConfig> {
  const [{ path: where, metadata }] = files, name = metadata.get("general.architecture");
  const architecture = ggufArchitecture(name, where), { gguf } = architecture;
  const fields = new GgufFields(metadata, gguf.name, where);
  const shapeOf = (tensor: string) =>
    files.find(({ tensors }) => tensors.has(tensor))?.tensors.get(tensor)?.shape;
  if ((fields.maybe("expert_count") ?? 0) > 0) {
    fields.fail(`${gguf.name}.expert_count: mixtures of experts are not supported`);
  }

  const embedding = shapeOf("token_embd.weight");
  if (!embedding) {
    throw new ModelFileError(
      `reading ${where}: the tensor "token_embd.weight" is missing; is this a language model?`,
    );
  }
  const hidden = fields.number("embedding_length"), heads = fields.number("attention.head_count");
  const headDim = fields.number("attention.key_length", hidden / heads);
  for (const same of ["attention.value_length", "rope.dimension_count"]) {
    const width = fields.maybe(same);
    if (width !== null && width !== headDim) {
      fields.fail(
        `${gguf.name}.${same} is ${width} and heads are ${headDim} wide: parts of heads are not supported`,
      );
    }
  }
  const layers = fields.number("block_count"), last = `blk.${layers - 1}.attn_norm.weight`;
  // before anything is listed layer by layer: a flipped bit says four million
  if (shapeOf(last) === undefined) {
    fields.fail(`${gguf.name}.block_count is ${layers}, and there is no tensor ${last}`);
  }
  const json: ModelJson = {
    model_type: architecture.name,
    vocab_size: embedding[0],
    hidden_size: hidden,
    intermediate_size: fields.number("feed_forward_length"),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: fields.number("attention.head_count_kv", heads),
    head_dim: headDim,
    rms_norm_eps: fields.number("attention.layer_norm_rms_epsilon"),
    max_position_embeddings: fields.number("context_length"),
    rope_theta: fields.number("rope.freq_base", 10_000),
    rope_scaling: ropeScaling(fields) ?? await llama3Scaling(files, { fields, headDim }),
    attention_bias: shapeOf("blk.0.attn_q.bias") !== undefined,
    tie_word_embeddings: shapeOf("output.weight") === undefined,
    bos_token_id: tokenId(fields, "bos"),
    eos_token_id: ["eos", "eot", "eom"].map((end) => tokenId(fields, end)).filter((id) => id !== null),
    pad_token_id: tokenId(fields, "padding"),
    ...gguf.read(fields),
  };
  return parseModelConfig(json, { where });
}

/** The architecture of that name in GGUF files. @throws {ModelFileError} naming those that are supported */
export function ggufArchitecture(
  name: unknown,
  where: string,
): Architecture & { gguf: NonNullable<Architecture["gguf"]> } {
  for (const architecture of architectures) {
    const { gguf } = architecture;
    if (gguf !== undefined && gguf.name === name) return { ...architecture, gguf };
  }
  throw new ModelFileError(
    `reading ${where}: the architecture ${
      JSON.stringify(name ?? null)
    } (general.architecture) is not supported; supported: ${
      architectures.flatMap(({ gguf }) => gguf?.name ?? []).join(", ")
    }`,
  );
}

/** The architecture of a configuration, where GGUF files have it. @throws {RangeError} naming those that they have */
export function ggufArchitectureOf(config: DecoderConfig, path: string): ReturnType<typeof ggufArchitecture> {
  for (const architecture of architectures) {
    const { gguf } = architecture;
    if (gguf !== undefined && architecture.name === config.architecture) return { ...architecture, gguf };
  }
  throw new RangeError(
    `saving to ${path}: GGUF files have no architecture ${
      JSON.stringify(config.architecture)
    }; save a directory`,
  );
}

function tokenId({ metadata }: GgufFields, name: string): number | null {
  const id = metadata.get(`tokenizer.ggml.${name}_token_id`);
  // 2^32 − 1 says none
  return typeof id === "number" && id < 0xffffffff ? id : null;
}

/** `rope_scaling` as `config.json` has it; what cannot be said there is refused by name. */
function ropeScaling(fields: GgufFields): ModelJson | null {
  const type = fields.get("rope.scaling.type") ?? "none", factor = fields.maybe("rope.scaling.factor");
  if (type === "none" || (type === "linear" && (factor ?? 1) === 1)) return null;
  if (type !== "linear") {
    fields.fail(
      `${fields.architecture}.rope.scaling.type: ${
        JSON.stringify(type)
      } is not supported; supported: "none", "linear"`,
    );
  }
  return { rope_type: "linear", factor };
}

/**
 * Llama 3.1's scaling, of which the file holds the result: what each frequency is divided by. The three numbers that made it are the
 * ones that every Llama 3 has; others are refused.
 */
async function llama3Scaling(
  files: GgufFile[],
  { fields, headDim }: { fields: GgufFields; headDim: number },
): Promise<ModelJson | null> {
  const name = "rope_freqs.weight", file = files.find(({ tensors }) => tensors.has(name));
  if (!file) return null;
  const factors: number[] = [];
  for await (const { values } of file.pieces(name)) factors.push(...values);
  const base = fields.number("rope.freq_base", 10_000), factor = Math.max(...factors);
  const plain = inverseFrequencies({ base, scaling: null }, headDim);
  for (const originalMaxPositions of [8192, fields.number("context_length")]) {
    const scaling = {
      type: "llama3",
      factor,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalMaxPositions,
    } as const;
    const scaled = inverseFrequencies({ base, scaling }, headDim);
    const alike = factors.length === scaled.length &&
      factors.every((by, i) => Math.abs(plain[i] / scaled[i] - by) <= 1e-5 * by);
    if (alike) return ropeScalingJson(scaling);
  }
  return fields.fail(
    `the tensor "${name}" stretches the rotary embedding in a way that is not supported; supported: Llama 3.1's`,
  );
}
