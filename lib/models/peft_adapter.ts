import * as tf from "@tensorflow/tfjs";
import { basename, join, resolve } from "node:path";
import { baseLicence } from "./base_licence.ts";
import type { Decoder, LoraValues } from "./decoder.ts";
import { compareLogits, logitsOf, type ReadBack } from "./read_back.ts";
import { ConfigError } from "../options/config_error.ts";
import { loadGgufAdapter } from "./load_gguf_adapter.ts";
import { loraOf, type LoraSettings, loraSettings } from "./lora.ts";
import { linearModules, moduleFilter } from "./lora_modules.ts";
import { modelCard, type ModelCardParts } from "./model_card.ts";
import { saveGgufAdapter } from "./save_gguf_adapter.ts";
import type { SavedModel } from "./saved_model.ts";
import { ModelFileError } from "../weights/model_file_error.ts";
import { readSafetensors, writeSafetensors } from "../weights/safetensors.ts";

/** Options of {@linkcode saveAdapter}. */
export interface SaveAdapterOptions {
  /** Which adapter. @default the one in use */
  name?: string;
  /** What the README tells of the run; the base model and its licence are filled in. */
  card?: Partial<ModelCardParts>;
  /** Read back what was written and compare it. @default true */
  verify?: boolean;
}

/**
 * Saves an adapter in PEFT's format: `adapter_config.json`, `adapter_model.safetensors`, and a model card as `README.md`. It is read
 * back and the logits of a prompt compared; the finding is returned, shown, and kept as `showwork.json` beside them. A path that ends in
 * `.gguf` gets one file for Ollama and llama.cpp instead.
 *
 * @throws {ModelFileError} when what was written is another adapter than the one in memory
 * @throws {RangeError} when the model has no such adapter
 */
export async function saveAdapter(
  directory: string,
  model: SavedModel,
  { name = model.adapter ?? undefined, card = {}, verify = true }: SaveAdapterOptions = {},
): Promise<ReadBack | null> {
  const { decoder } = model, lora = name === undefined ? undefined : model.adapterOptions(name);
  if (!lora) {
    throw new RangeError(
      `saving an adapter needs a model with ${
        name === undefined ? "one in use" : `one called ${JSON.stringify(name)}`
      }; call addLora first${
        decoder.adapters.length ? ` or name one of ${decoder.adapters.join(", ")}` : ""
      }, or save() for the whole model`,
    );
  }
  if (directory.endsWith(".gguf")) {
    await saveGgufAdapter(directory, model, { name: lora.name });
    return verify ? await readBack(directory, { model, name: lora.name }) : null;
  }
  const pairs = decoder.loraPairs(lora.name),
    tensors: Record<string, { shape: number[]; data: Float32Array }> = {};
  for (const [module, pair] of pairs) {
    for (const [part, matrix] of [["lora_A", pair.a], ["lora_B", pair.b]] as const) {
      tensors[`base_model.model.${module}.${part}.weight`] = {
        shape: matrix.shape,
        data: await matrix.data() as Float32Array,
      };
    }
  }
  const config = {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: model.source,
    r: lora.rank,
    lora_alpha: lora.alpha,
    lora_dropout: lora.dropout,
    ...peftTargets(decoder, lora, [...pairs.keys()]),
    rank_pattern: lora.rankPattern,
    alpha_pattern: lora.alphaPattern,
    use_rslora: lora.rankStabilized,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    modules_to_save: null,
  };
  await Deno.mkdir(directory, { recursive: true });
  await writeSafetensors(join(directory, "adapter_model.safetensors"), tensors, { format: "pt" });
  await Deno.writeTextFile(join(directory, "adapter_config.json"), `${JSON.stringify(config, null, 2)}\n`);
  const licence = card.licence ?? (model.directory ? await baseLicence(model.directory) : undefined);
  await Deno.writeTextFile(
    join(directory, "README.md"),
    modelCard({
      title: lora.name === "default" ? basename(resolve(directory)) : lora.name,
      baseModel: model.source,
      ...card,
      licence,
      adapter: {
        rank: lora.rank,
        alpha: lora.alpha,
        dropout: lora.dropout,
        rankStabilized: lora.rankStabilized,
        layers: pairs.size,
      },
    }),
  );
  return verify ? await readBack(directory, { model, name: lora.name }) : null;
}

/** Loads the adapter once more beside the others, and compares. */
async function readBack(
  path: string,
  { model, name }: { model: SavedModel; name: string },
): Promise<ReadBack> {
  const { decoder } = model, inUse = decoder.adapter, copy = `${name}.read-back`;
  decoder.useAdapter(name);
  try {
    return await compareLogits(model, {
      path,
      dtype: "F32",
      async again(ids) {
        await loadAdapter(path, decoder, { name: copy });
        try {
          return await logitsOf(decoder, ids);
        } finally {
          decoder.removeAdapter(copy);
        }
      },
    });
  } finally {
    decoder.useAdapter(inUse);
  }
}

/**
 * target_modules and exclude_modules: as they were given where those are ends of names, else every name in full. PEFT holds a
 * pattern to all modules, not to the linear ones alone, and refuses one that matches a block or a norm.
 */
function peftTargets(decoder: Decoder, { targets, exclude }: LoraSettings, modules: string[]) {
  const every = targets === "all" || targets === "all-linear";
  // PEFT reads "all-linear" as every linear layer of the model, other towers too
  const ends = every ? [...new Set(modules.map((module) => module.split(".").at(-1)!))] : targets;
  if (typeof ends !== "string") {
    const chosen = linearModules(decoder).filter(moduleFilter({ targets: ends, exclude }));
    if (chosen.length === modules.length && chosen.every((module) => modules.includes(module))) {
      return { target_modules: ends, exclude_modules: exclude };
    }
  }
  return { target_modules: modules, exclude_modules: null };
}

/** Fields of `adapter_config.json` that change the result: each with the values that mean what we compute. */
const onlyPlain: Record<string, unknown[]> = {
  use_dora: [false],
  bias: ["none"],
  lora_bias: [false],
  fan_in_fan_out: [false],
  modules_to_save: [],
  trainable_token_indices: [],
  target_parameters: [],
  layer_replication: [],
  alora_invocation_tokens: [],
  use_qalora: [false],
  use_bdlora: [false],
  arrow_config: [],
  kasa_config: [],
  velora_config: [],
  monteclora_config: [],
  corda_config: [],
  lora_ga_config: [],
  loftq_config: [],
  // PiSSA, OLoRA, LoftQ and CorDA change the base weights when they begin
  init_lora_weights: [true, false, "gaussian", "orthogonal", "eva"],
};

/** Fields that are read, or that change nothing about a finished adapter. */
const understood = new Set([
  "peft_type",
  "task_type",
  "auto_mapping",
  "peft_version",
  "base_model_name_or_path",
  "revision",
  "inference_mode",
  "r",
  "target_modules",
  "exclude_modules",
  "lora_alpha",
  "lora_dropout",
  "use_rslora",
  "rank_pattern",
  "alpha_pattern",
  "layers_to_transform",
  "layers_pattern",
  "megatron_config",
  "megatron_core",
  "eva_config",
  "qalora_group_size",
  "runtime_config",
  "ensure_weight_tying",
]);

const isEmpty = (value: unknown) =>
  value === null || value === undefined || (typeof value === "object" && Object.keys(value).length === 0);

type Fail = (rule: string) => never;

/** What an adapter's configuration says, in our words. */
function readSettings(config: Record<string, unknown>, name: string, fail: Fail): LoraSettings {
  if (config.peft_type !== "LORA") {
    fail(`peft_type is ${JSON.stringify(config.peft_type)}, only LORA is supported`);
  }
  for (const [key, value] of Object.entries(config)) {
    if (isEmpty(value) || understood.has(key)) continue;
    const allowed = onlyPlain[key];
    if (!allowed && value !== false) {
      fail(`${key} is ${JSON.stringify(value)}, a setting that is not known and may change the result`);
    }
    if (allowed && !allowed.includes(value)) {
      fail(`${key} is ${JSON.stringify(value)}, which is not supported`);
    }
  }
  const number = (key: string) =>
    typeof config[key] === "number"
      ? config[key]
      : fail(`${key} must be a number, got ${JSON.stringify(config[key])}`);
  const names = (key: string): string | string[] | undefined => {
    const value = config[key];
    if (isEmpty(value)) return undefined;
    const fits = typeof value === "string" ||
      (Array.isArray(value) && value.every((item) => typeof item === "string"));
    return fits
      ? value as string | string[]
      : fail(`${key} must be a list of names or a pattern, got ${JSON.stringify(value)}`);
  };
  const pattern = (key: string): Record<string, number> => {
    const value = config[key] ?? {};
    const fits = typeof value === "object" && Object.values(value).every((item) => typeof item === "number");
    return fits
      ? value as Record<string, number>
      : fail(`${key} must map patterns to numbers, got ${JSON.stringify(value)}`);
  };
  try {
    return loraSettings({
      name,
      rank: number("r"),
      alpha: number("lora_alpha"),
      rankStabilized: config.use_rslora === true,
      dropout: config.lora_dropout === undefined ? 0 : number("lora_dropout"),
      targets: names("target_modules"),
      exclude: names("exclude_modules"),
      rankPattern: pattern("rank_pattern"),
      alphaPattern: pattern("alpha_pattern"),
    });
  } catch (error) {
    if (error instanceof RangeError || error instanceof ConfigError) fail(error.message);
    throw error;
  }
}

/**
 * Loads an adapter in PEFT's format, or llama.cpp's (a `.gguf` file), and puts it to use. The layers are those that the weights hold; all of it is read and checked
 * before the model changes.
 *
 * @throws {ModelFileError} naming the file and what does not fit; the model is then as it was
 */
export async function loadAdapter(
  directory: string,
  decoder: Decoder,
  { name = "default" }: { name?: string } = {},
): Promise<LoraSettings> {
  if (directory.endsWith(".gguf")) return await loadGgufAdapter(directory, decoder, { name });
  const path = join(directory, "adapter_config.json");
  const fail: Fail = (rule) => {
    throw new ModelFileError(`loading the adapter ${path}: ${rule}`);
  };
  let config: Record<string, unknown>;
  try {
    config = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    return fail(error instanceof Deno.errors.NotFound ? "there is no such file" : "it is not JSON");
  }
  if (typeof config !== "object" || config === null) fail("it is not a JSON object");
  const lora = readSettings(config, name, fail), known = new Set(linearModules(decoder));
  const weights = join(directory, "adapter_model.safetensors");
  if (await isFile(join(directory, "adapter_model.bin")) && !await isFile(weights)) {
    fail(
      "its weights are adapter_model.bin, which can run code and is not read; convert it once in Python: " +
        "safetensors.torch.save_file(torch.load('adapter_model.bin', weights_only=True), 'adapter_model.safetensors')",
    );
  }
  const { tensors } = await readSafetensors(weights),
    used = new Set<string>(),
    found: { module: string; a: Float32Array; b: Float32Array; rank: number; scale: number }[] = [];
  for (const key of Object.keys(tensors)) {
    // adapters of multimodal checkpoints have the text half below language_model
    const module = /^base_model\.model\.(.+)\.lora_A\.weight$/.exec(key)?.[1].replace(
      /(^|\.)language_model\./,
      "$1",
    );
    if (!module) continue;
    const other = key.replace("lora_A", "lora_B"), a = tensors[key], b = tensors[other];
    if (!known.has(module)) fail(`tensor ${key} belongs to no linear layer of this model`);
    const [out, width] = decoder.shape(`${module}.weight`);
    if (!b) fail(`tensor ${other} is missing`);
    const { rank, scale } = loraOf(module, lora);
    if (a.shape.join() !== `${rank},${width}` || b.shape.join() !== `${out},${rank}`) {
      fail(
        `${module} has A [${a.shape}] and B [${b.shape}], the model wants [${rank},${width}] and [${out},${rank}]`,
      );
    }
    for (const [tensor, { data, dtype }] of [[key, a], [other, b]] as const) {
      if (!(data instanceof Float32Array)) {
        fail(`tensor ${tensor} holds ${dtype}, it must be F32, F16 or BF16`);
      }
      const bad = data.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0) fail(`tensor ${tensor} holds ${data[bad]} at ${bad}; the weights are damaged`);
    }
    found.push({ module, a: a.data as Float32Array, b: b.data as Float32Array, rank, scale });
    used.add(key).add(other);
  }
  const stray = Object.keys(tensors).find((key) => !used.has(key));
  if (stray) fail(`tensor ${stray} is not part of a LoRA pair`);
  if (found.length === 0) fail("the weights hold no LoRA pair");
  const pairs: LoraValues = new Map();
  for (const { module, a, b, rank, scale } of found) {
    const [out, width] = decoder.shape(`${module}.weight`);
    pairs.set(module, {
      a: tf.tensor2d(a, [rank, width]),
      b: tf.tensor2d(b, [out, rank]),
      scale,
      dropout: lora.dropout,
    });
  }
  decoder.addAdapter(pairs, name);
  for (const { a, b } of pairs.values()) tf.dispose([a, b]);
  return lora;
}

const isFile = (path: string) => Deno.stat(path).then((stat) => stat.isFile, () => false);
