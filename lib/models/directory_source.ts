import { join } from "node:path";
import { loadTokenizer } from "../text/tokenizer.ts";
import { ModelFileError } from "../weights/model_file_error.ts";
import { SafetensorsFile } from "../weights/safetensors.ts";
import type { WeightFile } from "../weights/weight_file.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { type HubOptions, modelDirectory, readModelConfig, readModelJson } from "./model_directory.ts";
import type { ModelSource } from "./model_source.ts";
import { findParameters } from "./parameter_names.ts";
import type { Checkpoint } from "./read_weights.ts";

/** A model in a Hugging Face directory, or the snapshot of a hub id. */
export async function directorySource(path: string, { revision }: HubOptions = {}): Promise<ModelSource> {
  const described = await readModelConfig(await modelDirectory(path, { revision, weights: false }));
  return {
    config: described,
    async open() {
      const directory = await modelDirectory(path, { revision }), tokenizer = await loadTokenizer(directory);
      return { ...await openDirectory(directory, described), tokenizer, directory };
    },
  };
}

/** Opens the weights of a directory; `described` is what its `config.json` says. */
export async function openDirectory(
  directory: string,
  described: DecoderConfig,
): Promise<{ config: DecoderConfig; checkpoint: Checkpoint }> {
  const files: SafetensorsFile[] = [];
  try {
    for (const path of await weightFiles(directory)) files.push(await SafetensorsFile.open(path));
    const names = files.flatMap(({ tensors }) => [...tensors.keys()]);
    const config = {
      ...described,
      tiedEmbeddings: described.tiedEmbeddings && !await hasOwnHead(files),
    };
    const found = findParameters(config, {
      names,
      where: directory,
      isNumbers: (name) => files.some(({ tensors }) => /^B?F\d/.test(tensors.get(name)?.dtype ?? "")),
    });
    const places = new Map(found.entries().map(([name, stored]) => [name, { stored }]));
    return { config, checkpoint: { files, places } };
  } catch (error) {
    for (const file of files) file.close();
    throw error;
  }
}

const single = "model.safetensors", indexName = "model.safetensors.index.json";

/** The weight files of a directory: one whole one, as transformers looks for it first, else those that the index names. */
async function weightFiles(directory: string): Promise<string[]> {
  if (await exists(join(directory, single))) return [join(directory, single)];
  const index = await readModelJson(join(directory, indexName), { required: false }) as {
    weight_map?: Record<string, string>;
  } | null;
  if (!index) {
    const torch = await torchFile(directory);
    throw new ModelFileError(
      torch === null
        ? `loading a model: ${join(directory, single)}: there is no such file`
        : `loading a model: ${directory} holds its weights as ${torch}, which can run code and is not read; convert it once in Python: ` +
          `AutoModelForCausalLM.from_pretrained(directory).save_pretrained(directory, safe_serialization=True)`,
    );
  }
  const names = [...new Set(Object.values(index.weight_map ?? {}))];
  const bad = names.find((name) => !/^[\w.-]+\.safetensors$/.test(name));
  if (names.length === 0 || bad) {
    throw new ModelFileError(
      `loading a model: ${directory}/${indexName} ${
        bad ? `names the file ${JSON.stringify(bad)}, which is no plain file name` : "has no weight_map"
      }`,
    );
  }
  return names.map((name) => join(directory, name));
}

/** The name of a file of weights in PyTorch's own format, `null` without one. */
async function torchFile(directory: string): Promise<string | null> {
  for await (const { name } of Deno.readDir(directory)) {
    if (/^(pytorch_model.*\.bin|consolidated.*\.pth)$/.test(name)) return name;
  }
  return null;
}

const exists = (path: string) => Deno.stat(path).then(({ isFile }) => isFile, () => false);

/** Whether a checkpoint stores a head with other numbers than the embedding: then it counts, whatever the configuration ties. */
async function hasOwnHead(files: WeightFile[]): Promise<boolean> {
  const find = (end: string) => {
    for (const file of files) {
      for (const [name, { shape }] of file.tensors) {
        if (name === end || name.endsWith(`.${end}`)) return { file, name, shape };
      }
    }
    return null;
  };
  const head = find("lm_head.weight"), embedding = find("embed_tokens.weight");
  if (!head || !embedding) return false;
  if (head.shape.join() !== embedding.shape.join()) return true;
  const rows = head.file.pieces(head.name);
  for await (const { at, values } of embedding.file.pieces(embedding.name)) {
    const { value } = await rows.next();
    if (!value || value.at !== at || values.some((number, i) => number !== value.values[i])) return true;
  }
  return false;
}
