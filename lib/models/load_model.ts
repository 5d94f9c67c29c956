import { join } from "node:path";
import type { z } from "zod";
import { parseOptions } from "../config/parse_options.ts";
import { modelSchema } from "../config/schema.ts";
import { loadTokenizer } from "../text/tokenizer.ts";
import { observer } from "../training/observer.ts";
import { CausalLM } from "./causal_lm.ts";
import { Decoder } from "./decoder.ts";
import { downloadModel } from "./hub.ts";
import { parseModelConfig } from "./model_config.ts";
import { ModelFileError } from "./model_file_error.ts";
import { readWeights } from "./read_weights.ts";

/** Options of {@linkcode loadModel}; see `modelSchema`. */
export type LoadModelOptions = z.input<typeof modelSchema>;

async function readJson(path: string, required: boolean): Promise<unknown> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (!required && error instanceof Deno.errors.NotFound) return null;
    throw new ModelFileError(
      `loading a model: ${path} ${
        error instanceof Deno.errors.NotFound
          ? "is missing; give a directory with config.json, model.safetensors and tokenizer.json"
          : `cannot be read (${error})`
      }`,
    );
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new ModelFileError(`loading a model: ${path} is not JSON; is the download complete?`);
  }
}

/** The weight files of a directory: one, or those that the index names. */
async function weightFiles(directory: string): Promise<string[]> {
  const index = await readJson(join(directory, "model.safetensors.index.json"), false) as {
    weight_map?: Record<string, string>;
  } | null;
  if (!index) return [join(directory, "model.safetensors")];
  const names = [...new Set(Object.values(index.weight_map ?? {}))];
  const bad = names.find((name) => !/^[\w.-]+\.safetensors$/.test(name));
  if (names.length === 0 || bad) {
    throw new ModelFileError(
      `loading a model: ${directory}/model.safetensors.index.json ${
        bad ? `names the file ${JSON.stringify(bad)}, which is no plain file name` : "has no weight_map"
      }`,
    );
  }
  return names.map((name) => join(directory, name));
}

/** The directory itself, or the snapshot of a hub id, downloaded with a progress bar. */
async function modelDirectory(path: string, revision?: string): Promise<string> {
  const isDirectory = await Deno.stat(path).then((stat) => stat.isDirectory, () => false);
  if (isDirectory || !/^[\w][\w.-]*\/[\w][\w.-]*$/.test(path)) return path;
  const view = observer().view({ title: `Fetching ${path}`, total: 100, unit: "%" });
  let ended = "failed";
  try {
    const snapshot = await downloadModel(path, {
      revision,
      onProgress: ({ file, bytes, total }) => view.update({ step: Math.floor(100 * bytes / total), file }),
    });
    ended = "finished";
    return snapshot;
  } finally {
    await view.end(ended);
  }
}

/**
 * Loads a model from a Hugging Face directory, or a hub id such as `google/gemma-3-270m-it`: Gemma 2 and 3, Qwen 2.5 and 3, Llama and SmolLM2. With `lora` a fresh adapter is added
 * and the base frozen; with `adapter` a saved one is loaded.
 *
 * @throws {ModelFileError} naming the file, the tensor and what was expected; nothing is half-loaded
 * @example
 * ```ts
 * import { loadModel } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * ```
 */
export async function loadModel(options: string | LoadModelOptions): Promise<CausalLM> {
  const { path, revision, lora, adapter, seed } = parseOptions(
    modelSchema,
    typeof options === "string" ? { path: options } : options,
    "loadModel",
  );
  const directory = await modelDirectory(path, revision);
  const where = join(directory, "config.json");
  const config = parseModelConfig(await readJson(where, true), {
    where,
    generation: await readJson(join(directory, "generation_config.json"), false),
  });
  const tokenizer = await loadTokenizer(directory);
  const weights = await readWeights(config, { paths: await weightFiles(directory), where: directory });
  const decoder = new Decoder(
    { ...config, eosIds: [...new Set([...config.eosIds, ...tokenizer.eosIds])] },
    weights,
  );
  const model = new CausalLM({ decoder, tokenizer, source: path, directory });
  try {
    if (adapter) await model.loadAdapter(adapter);
    else if (lora) model.addLora({ seed, ...lora });
  } catch (error) {
    model.dispose();
    throw error;
  }
  return model;
}
