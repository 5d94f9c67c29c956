import { chooseBackend } from "../kernels/choose_backend.ts";
import { checkArgument } from "../options/check_argument.ts";
import { parseOptions } from "../options/parse_options.ts";
import { CausalLM } from "./causal_lm.ts";
import { checkMemory } from "./check_memory.ts";
import { findModel } from "./find_model.ts";
import type { LoadModelOptions } from "./load_model_options.ts";
import { modelSchema } from "./model_schema.ts";
import { keptBytes, keptWeights } from "./kept_weights.ts";
import { readDecoder } from "./read_decoder.ts";
import { ModelFileError } from "../weights/model_file_error.ts";

/**
 * Loads a model from a Hugging Face directory, a hub id such as `google/gemma-3-270m-it`, or a GGUF file, here or on
 * the hub (`owner/name/file.gguf`): Gemma 2 and 3, Qwen 2.5
 * and 3, Llama and SmolLM2. With `lora` a fresh adapter is added and the base frozen; with `adapter` a saved one is loaded. Weights go
 * to the device one tensor at a time. Where no backend was chosen yet, one is chosen as `useBackend()` would, and reported. `modelMemory` says
 * beforehand what a model takes.
 *
 * @throws {ModelMemoryError} when it does not fit into the CPU's heap, before any weight is fetched or allocated
 * @throws {HubError} when it cannot be fetched
 * @throws {ModelFileError} naming the file, the tensor and what was expected; nothing is half-loaded
 * @example
 * ```ts
 * import { loadModel } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma", { lora: { rank: 8 } });
 * ```
 */
export async function loadModel(
  model: string | LoadModelOptions,
  options: Omit<LoadModelOptions, "path"> = {},
): Promise<CausalLM> {
  if (typeof model !== "string") checkArgument("loadModel's argument, if it is no path,", "options", model);
  checkArgument("loadModel's second argument", "options", options);
  const { path, revision, lora, adapter, seed, weights } = parseOptions(
    modelSchema,
    typeof model === "string" ? { path: model, ...options } : { ...model, ...options },
    "loadModel",
  );
  await chooseBackend();
  // what describes it first: a model that does not fit is refused before gigabytes are fetched
  const source = await findModel(path, { revision });
  const frozen = lora !== null || adapter !== null;
  // (the rank of a saved adapter is read with it)
  const use = { loraRank: frozen ? lora?.rank ?? 16 : null, training: lora !== null, length: 128 };
  const kept = keptWeights(source.config, { ...use, weights, frozen });
  checkMemory(source.config, { where: path, ...use, weightBytes: keptBytes[kept] });
  const { config, tokenizer, checkpoint, directory } = await source.open();
  const eosIds = [...new Set([...config.eosIds, ...tokenizer.eosIds])];
  const decoder = await readDecoder({ ...config, eosIds }, checkpoint, { kept, frozen });
  // a few weights tell whether the files are still the same when they are read again
  const norm = (await decoder.values("model.norm.weight")).slice();
  const again = async () => {
    const { config, checkpoint } = await source.open(),
      fresh = await readDecoder({ ...config, eosIds }, checkpoint, { kept }),
      found = await fresh.values("model.norm.weight");
    if (norm.length === found.length && norm.every((value, i) => value === found[i])) return fresh;
    fresh.dispose();
    throw new ModelFileError(
      `resetting a model: ${path} must hold the weights that it was loaded from, but others were written there since; load the model from ` +
        "another folder",
    );
  };
  const loaded = new CausalLM({ decoder, tokenizer, source: path, directory, again });
  try {
    if (adapter) await loaded.loadAdapter(adapter);
    else if (lora) loaded.addLora({ seed, ...lora });
  } catch (error) {
    loaded.dispose();
    throw error;
  }
  return loaded;
}
