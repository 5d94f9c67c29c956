import { join } from "node:path";
import type { DecoderConfig } from "./decoder_config.ts";
import { openDirectory } from "./directory_source.ts";
import { ggufTokenizerTexts } from "./gguf_source.ts";
import { readModelConfig } from "./model_directory.ts";
import { modelJsonText, parseModelConfig, toModelJson } from "./model_config.ts";
import { type TensorToFetch, writeSafetensors } from "../weights/safetensors.ts";
import { compareLogits, compareWeights, fitsTwice, logitsOf, type ReadBack } from "./read_back.ts";
import { readDecoder } from "./read_decoder.ts";
import { differingField } from "./same_config.ts";
import { saveGguf } from "./save_gguf.ts";
import type { SavedModel } from "./saved_model.ts";

/** Options of {@linkcode saveModel}. */
export interface SaveModelOptions {
  /** Weights above this many bytes are cut into several files with an index. transformers: max_shard_size. @default 5e9 */
  maxShardBytes?: number;
  /**
   * How numbers are stored; Q8_0 in GGUF files alone, where norms and biases stay F32. transformers: dtype. @default "F32", in a GGUF file
   * "F16"
   */
  dtype?: "F32" | "F16" | "BF16" | "Q8_0";
  /** Read back what was written and compare it. @default true */
  verify?: boolean;
}

const copied = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "tokenizer.model",
  "chat_template.jinja",
];
const indexName = "model.safetensors.index.json", single = "model.safetensors";
const torchNames = { F32: "float32", F16: "float16", BF16: "bfloat16" };
const isTorchType = (dtype: string): dtype is keyof typeof torchNames => Object.hasOwn(torchNames, dtype);

/**
 * Saves a model as a Hugging Face directory that `transformers` loads; an adapter is merged into the weights. One tensor at a time
 * leaves the device. Weights above `maxShardBytes` go to `model-00001-of-0000N.safetensors` with `model.safetensors.index.json`, as
 * `save_pretrained` cuts them; a tensor above it gets a file of its own.
 *
 * A path that ends in `.gguf` gets one file for Ollama and llama.cpp instead, see `saveGguf`.
 *
 * What was written is read back and compared with the model: the logits of a prompt, or where memory holds no second model the weights.
 * The finding is returned, shown, and kept as `showwork.json` beside the files.
 *
 * @throws {ModelFileError} when the files are another model than the one in memory
 * @throws {RangeError} for a size or type that cannot be, or a model that `config.json` cannot describe; nothing is written then
 */
export async function saveModel(
  directory: string,
  model: SavedModel,
  options: SaveModelOptions = {},
): Promise<ReadBack | null> {
  if (directory.endsWith(".gguf")) {
    const { dtype, verify, maxShardBytes } = options;
    if (maxShardBytes !== undefined) {
      throw new RangeError(
        `saving a model to ${directory}: a GGUF file is written whole; leave maxShardBytes out`,
      );
    }
    return await saveGguf(directory, model, { dtype, verify });
  }
  const { maxShardBytes = 5e9, dtype = "F32", verify = true } = options;
  const { decoder, config } = model;
  if (!(maxShardBytes > 0)) {
    throw new RangeError(
      `saving a model to ${directory} needs maxShardBytes above 0, got ${maxShardBytes}; leave it out for 5e9`,
    );
  }
  if (!isTorchType(dtype)) {
    throw new RangeError(
      `saving a model to ${directory} needs a dtype of F32, F16 or BF16 (Q8_0 in a .gguf file), got ${
        JSON.stringify(dtype)
      }`,
    );
  }
  const modelJson = { ...describe(config, directory), torch_dtype: torchNames[dtype] };
  await Deno.mkdir(directory, { recursive: true });

  const bytesEach = dtype === "F32" ? 4 : 2, shards: { names: string[]; bytes: number }[] = [];
  for (const name of decoder.names) {
    const bytes = decoder.shape(name).reduce((a, b) => a * b, 1) * bytesEach, last = shards.at(-1);
    if (last && last.bytes + bytes <= maxShardBytes) {
      last.names.push(name);
      last.bytes += bytes;
    } else shards.push({ names: [name], bytes });
  }
  const written = new Set<string>(), weight_map: Record<string, string> = {};
  for (const [i, { names }] of shards.entries()) {
    const five = (count: number) => `${count}`.padStart(5, "0");
    const file = shards.length === 1 ? single : `model-${five(i + 1)}-of-${five(shards.length)}.safetensors`;
    const tensors: Record<string, TensorToFetch> = {};
    for (const name of names) {
      tensors[name] = { shape: decoder.shape(name), dtype, fetch: () => decoder.merged(name) };
      weight_map[name] = file;
    }
    await writeSafetensors(join(directory, file), tensors, { format: "pt" });
    written.add(file);
  }
  const json = (name: string, value: unknown) =>
    Deno.writeTextFile(join(directory, name), `${JSON.stringify(value, null, 2)}\n`);
  if (shards.length > 1) {
    const total_size = shards.reduce((sum, { bytes }) => sum + bytes, 0);
    const sorted = Object.fromEntries(Object.entries(weight_map).sort(([a], [b]) => a < b ? -1 : 1));
    await json(indexName, {
      metadata: { total_parameters: model.parameterCount, total_size },
      weight_map: sorted,
    });
    written.add(indexName);
  }
  // What an earlier, differently cut model left would be loaded instead of this one.
  for await (const { name } of Deno.readDir(directory)) {
    if (/^model(-\d+-of-\d+)?\.safetensors(\.index\.json)?$/.test(name) && !written.has(name)) {
      await Deno.remove(join(directory, name));
    }
  }
  await Deno.writeTextFile(join(directory, "config.json"), modelJsonText(modelJson));
  await json("generation_config.json", {
    bos_token_id: config.bosId,
    eos_token_id: config.eosIds,
    pad_token_id: config.padId,
  });
  await writeTokenizer(directory, model.directory);
  return verify ? await readBack(directory, { model, dtype }) : null;
}

/** Brings the tokenizer along from where the model came from. */
async function writeTokenizer(directory: string, from: string | null): Promise<void> {
  if (!from || from === directory) return;
  if (from.endsWith(".gguf")) {
    for (const [file, text] of Object.entries(await ggufTokenizerTexts(from))) {
      await Deno.writeTextFile(join(directory, file), text);
    }
    return;
  }
  for (const file of copied) {
    try {
      await Deno.copyFile(join(from, file), join(directory, file));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

async function readBack(
  path: string,
  { model, dtype }: { model: SavedModel; dtype: string },
): Promise<ReadBack> {
  const { config, checkpoint } = await openDirectory(path, await readModelConfig(path));
  if (fitsTwice(model)) {
    const decoder = await readDecoder(config, checkpoint);
    try {
      return await compareLogits(model, { path, dtype, again: (ids) => logitsOf(decoder, ids) });
    } finally {
      decoder.dispose();
    }
  }
  const { files } = checkpoint;
  try {
    const stored = (name: string) => files.find(({ tensors }) => tensors.has(name))!.pieces(name);
    return await compareWeights(model, { path, dtype, stored });
  } finally {
    for (const file of files) file.close();
  }
}

/** The `config.json`, after it was seen to read back as the same model. */
function describe(config: DecoderConfig, directory: string) {
  const json = toModelJson(config), read = parseModelConfig(JSON.parse(JSON.stringify(json)));
  const field = differingField(config, read);
  if (field !== null) {
    throw new RangeError(
      `saving a model to ${directory}: config.json of ${config.architecture} cannot say ${field} = ${
        JSON.stringify(config[field])
      }, it would read back as ${
        JSON.stringify(read[field])
      }; create the model with what its architecture has`,
    );
  }
  return json;
}
