import { basename, join, resolve } from "node:path";
import { ggufVocabulary } from "../text/gguf_vocabulary.ts";
import { TokenizerError } from "../text/tokenizer.ts";
import type { GgufValue } from "../weights/gguf_header.ts";
import type { GgufEntry } from "../weights/write_gguf.ts";
import { baseLicence } from "./base_licence.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import type { ggufArchitectureOf } from "./gguf_config.ts";
import { ggufMetadata } from "./gguf_source.ts";
import type { SavedModel } from "./saved_model.ts";

const u32 = (value: number): GgufEntry => ({ type: "uint32", value });
const f32 = (value: number): GgufEntry => ({ type: "float32", value });
const string = (value: string): GgufEntry => ({ type: "string", value });

/** What a GGUF file says of a decoder, apart from its tokenizer: the way back from `ggufConfig`. */
export function configEntries(
  config: DecoderConfig,
  { gguf }: ReturnType<typeof ggufArchitectureOf>,
): Record<string, GgufEntry> {
  // a family with two kinds of rotary embedding says the full layers' here and the other itself
  const firstFull = Math.max(0, config.layerWindows.indexOf(null)),
    { base, scaling } = config.layerRope[firstFull];
  const own: Record<string, GgufEntry> = {
    context_length: u32(config.maxPositions),
    embedding_length: u32(config.hiddenSize),
    block_count: u32(config.layers),
    feed_forward_length: u32(config.intermediateSize),
    "attention.head_count": u32(config.heads),
    "attention.head_count_kv": u32(config.kvHeads),
    "attention.key_length": u32(config.headDim),
    "attention.value_length": u32(config.headDim),
    "attention.layer_norm_rms_epsilon": f32(config.rmsEps),
    "rope.freq_base": f32(base),
    ...(scaling?.type === "linear"
      ? { "rope.scaling.type": string("linear"), "rope.scaling.factor": f32(scaling.factor) }
      : {}),
    ...gguf.write(config),
  };
  return Object.fromEntries(Object.entries(own).map(([key, entry]) => [`${gguf.name}.${key}`, entry]));
}

/** What a file says of itself. */
export async function generalEntries(
  model: SavedModel,
  { architecture, type, path }: { architecture: string; type: "model" | "adapter"; path: string },
): Promise<Record<string, GgufEntry>> {
  const licence = model.directory ? await baseLicence(model.directory) : undefined;
  return {
    "general.architecture": string(architecture),
    "general.type": string(type),
    "general.name": string(basename(resolve(path), ".gguf")),
    "general.quantization_version": u32(2),
    ...(licence ? { "general.license": string(licence) } : {}),
  };
}

/** The tokenizer and its template: as the GGUF file has them that the model came from, else from its directory's `tokenizer.json`. */
export async function tokenizerEntries(
  { config, directory, tokenizer }: SavedModel,
): Promise<Record<string, GgufEntry>> {
  if (directory === null) {
    throw new TokenizerError(
      "writing a GGUF file: the model has no directory to take its tokenizer from; save it as a directory first",
    );
  }
  if (directory.endsWith(".gguf")) {
    const metadata = await ggufMetadata(directory);
    return Object.fromEntries(
      metadata.entries().filter(([key]) => key.startsWith("tokenizer.")).map((
        [key, value],
      ) => [key, entryOf(key, value)]),
    );
  }
  const json = JSON.parse(await Deno.readTextFile(join(directory, "tokenizer.json")));
  const vocabulary = ggufVocabulary({ tokenizer: json }, { size: config.vocabSize, where: directory });
  const { model, pre, tokens, kinds, scores, merges, addBos, addSpacePrefix } = vocabulary;
  const { bos_token, unk_token, eos_token } = tokenizer.specialTokens;
  const ids: Record<string, number | null> = {
    bos: config.bosId ?? tokens.indexOf(bos_token),
    eos: eos_token === undefined ? tokenizer.endOfTurnId : tokens.indexOf(eos_token),
    eot: tokenizer.endOfTurnId,
    unknown: tokens.indexOf(unk_token),
    padding: config.padId ?? tokenizer.padId,
  };
  const entries: Record<string, GgufEntry> = {
    "tokenizer.ggml.model": string(model),
    "tokenizer.ggml.pre": string(pre),
    "tokenizer.ggml.tokens": { type: "strings", value: tokens },
    "tokenizer.ggml.token_type": { type: "int32s", value: kinds },
    "tokenizer.ggml.add_bos_token": { type: "bool", value: addBos },
  };
  if (scores) entries["tokenizer.ggml.scores"] = { type: "float32s", value: scores };
  if (merges) entries["tokenizer.ggml.merges"] = { type: "strings", value: merges };
  if (addSpacePrefix !== null) {
    entries["tokenizer.ggml.add_space_prefix"] = { type: "bool", value: addSpacePrefix };
  }
  for (const [name, id] of Object.entries(ids)) {
    if (id !== null && id >= 0) entries[`tokenizer.ggml.${name}_token_id`] = u32(id);
  }
  if (tokenizer.chatTemplate !== null) entries["tokenizer.chat_template"] = string(tokenizer.chatTemplate);
  return entries;
}

/** A value that was read, with the type that its key has in every file. */
function entryOf(key: string, value: GgufValue): GgufEntry {
  if (typeof value === "string") return string(value);
  if (typeof value === "boolean") return { type: "bool", value };
  if (typeof value === "number") return u32(value);
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) {
    return { type: "strings", value };
  }
  if (Array.isArray(value) && value.every((item) => typeof item === "number")) {
    return { type: key.endsWith(".scores") ? "float32s" : "int32s", value };
  }
  throw new TokenizerError(`writing a GGUF file: the metadata's ${key} is of a kind that is not written`);
}
