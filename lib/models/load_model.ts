import { join } from "node:path";
import type { z } from "zod";
import { parseOptions } from "../options/parse_options.ts";
import { loadTokenizer } from "../text/tokenizer.ts";
import { CausalLM } from "./causal_lm.ts";
import { checkMemory } from "./check_memory.ts";
import { Decoder } from "./decoder.ts";
import { modelDirectory, readModelConfig, readModelJson } from "./model_directory.ts";
import { modelSchema } from "./model_schema.ts";
import { ModelFileError } from "../weights/model_file_error.ts";
import { readWeights } from "../weights/read_weights.ts";

/** Options of {@linkcode loadModel}; see `modelSchema`. */
export type LoadModelOptions = z.input<typeof modelSchema>;

/** The weight files of a directory: one, or those that the index names. */
async function weightFiles(directory: string): Promise<string[]> {
  const index = await readModelJson(join(directory, "model.safetensors.index.json"), { required: false }) as {
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

/**
 * Loads a model from a Hugging Face directory, or a hub id such as `google/gemma-3-270m-it`: Gemma 2 and 3, Qwen 2.5 and 3, Llama and
 * SmolLM2. With `lora` a fresh adapter is added and the base frozen; with `adapter` a saved one is loaded. Weights go to the device one
 * tensor at a time. `modelMemory` says beforehand what a model takes.
 *
 * @throws {ModelMemoryError} when it does not fit into the CPU's heap, before any weight is fetched or allocated
 * @throws {HubError} when it cannot be fetched
 * @throws {ModelFileError} naming the file, the tensor and what was expected; nothing is half-loaded
 * @example
 * ```ts
 * import { loadModel } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * ```
 */
export async function loadModel(options: string | LoadModelOptions): Promise<CausalLM> {
  const { path, revision, lora, adapter, seed, frozen } = parseOptions(
    modelSchema,
    typeof options === "string" ? { path: options } : options,
    "loadModel",
  );
  // config.json first: a model that does not fit is refused before gigabytes are fetched
  const config = await readModelConfig(await modelDirectory(path, { revision, weights: false }));
  checkMemory(config, { where: path, loraRank: lora?.rank ?? null, training: lora !== null, length: 128 });
  const directory = await modelDirectory(path, { revision });
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
    if (frozen === "float16") await decoder.packFrozen();
  } catch (error) {
    model.dispose();
    throw error;
  }
  return model;
}
