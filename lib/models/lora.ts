import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { Random } from "../data/random.ts";
import type { CausalLM } from "./causal_lm.ts";
import { type Decoder, linearNames } from "./decoder.ts";
import { ModelFileError } from "./model_file_error.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";

/** A low-rank adapter (Hu et al. 2021, arXiv 2106.09685). */
export interface LoraOptions {
  /** PEFT: r. @default 16 */
  rank?: number;
  /** PEFT: lora_alpha. @default 2·rank */
  alpha?: number;
  /** Linear layers by the end of their names, such as `q_proj`, or all. PEFT: target_modules. @default "all" */
  targets?: "all" | string[];
  /** Scale by α/√rank instead of α/rank (Kalajdzievski 2023, arXiv 2312.03732). PEFT: use_rslora. @default false */
  rankStabilized?: boolean;
  /** Seeds A. @default 1 */
  seed?: number;
}

function settled(
  { rank = 16, alpha = 2 * rank, targets = "all", rankStabilized = false, seed = 1 }: LoraOptions,
): Required<LoraOptions> {
  if (!(Number.isInteger(rank) && rank > 0)) {
    throw new RangeError(`adding LoRA needs a whole rank above 0, got ${rank}`);
  }
  if (!(alpha > 0)) throw new RangeError(`adding LoRA needs an alpha above 0, got ${alpha}`);
  return { rank, alpha, targets, rankStabilized, seed };
}

const scaleOf = ({ rank, alpha, rankStabilized }: Required<LoraOptions>) =>
  alpha / (rankStabilized ? Math.sqrt(rank) : rank);

function modules(decoder: Decoder, targets: "all" | string[]): string[] {
  const all = Array.from(
    { length: decoder.config.layers },
    (_, i) => linearNames.map((part) => `model.layers.${i}.${part}`),
  ).flat();
  const chosen = targets === "all"
    ? all
    : all.filter((name) => targets.some((target) => name === target || name.endsWith(`.${target}`)));
  if (chosen.length === 0) {
    throw new RangeError(
      `adding LoRA: no linear layer is called ${targets}; there are ${
        linearNames.map((name) => name.split(".")[1]).join(", ")
      }`,
    );
  }
  return chosen;
}

/** Adds a fresh adapter and freezes the base: A uniform as PEFT has it (Kaiming, a = √5), B zero. */
export function addLora(decoder: Decoder, options: LoraOptions): Required<LoraOptions> {
  const lora = settled(options),
    random = new Random(lora.seed),
    pairs = new Map<string, { a: tf.Tensor2D; b: tf.Tensor2D; scale: number }>();
  for (const module of modules(decoder, lora.targets)) {
    const [out, width] = decoder.weight<tf.Tensor2D>(`${module}.weight`).shape, bound = 1 / Math.sqrt(width);
    const a = Float32Array.from({ length: lora.rank * width }, () => (2 * random.next() - 1) * bound);
    pairs.set(module, {
      a: tf.tensor2d(a, [lora.rank, width]),
      b: tf.zeros([out, lora.rank]),
      scale: scaleOf(lora),
    });
  }
  adopt(decoder, pairs);
  return lora;
}

function adopt(
  decoder: Decoder,
  pairs: Map<string, { a: tf.Tensor2D; b: tf.Tensor2D; scale: number }>,
): void {
  decoder.setLora(pairs);
  for (const { a, b } of pairs.values()) tf.dispose([a, b]);
}

/** Saves the adapter in use in PEFT's format: `adapter_config.json` and `adapter_model.safetensors`. */
export async function saveAdapter(directory: string, model: CausalLM): Promise<void> {
  const { decoder, lora } = model;
  if (!lora || decoder.lora.size === 0) {
    throw new RangeError(
      "saving an adapter needs a model with one; call addLora first, or save() for the whole model",
    );
  }
  const { rank, alpha, rankStabilized, targets } = settled(lora),
    tensors: Record<string, { shape: number[]; data: Float32Array }> = {};
  for (const { name, variable } of decoder.parameters()) {
    tensors[name] = { shape: variable.shape, data: await variable.data() as Float32Array };
  }
  const names = targets === "all"
    ? [...new Set([...decoder.lora.keys()].map((name) => name.split(".").at(-1)!))]
    : targets;
  const config = {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: model.source,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: 0,
    target_modules: names,
    use_rslora: rankStabilized,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    modules_to_save: null,
  };
  await Deno.mkdir(directory, { recursive: true });
  await writeSafetensors(join(directory, "adapter_model.safetensors"), tensors, { format: "pt" });
  await Deno.writeTextFile(join(directory, "adapter_config.json"), `${JSON.stringify(config, null, 2)}\n`);
}

/** Loads an adapter in PEFT's format. @throws {ModelFileError} naming the file and what does not fit */
export async function loadAdapter(directory: string, decoder: Decoder): Promise<Required<LoraOptions>> {
  const path = join(directory, "adapter_config.json");
  const fail = (rule: string): never => {
    throw new ModelFileError(`loading the adapter ${path}: ${rule}`);
  };
  let config: Record<string, unknown>;
  try {
    config = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    return fail(error instanceof Deno.errors.NotFound ? "there is no such file" : "it is not JSON");
  }
  if (config.peft_type !== "LORA") {
    fail(`peft_type is ${JSON.stringify(config.peft_type)}, only LORA is supported`);
  }
  const refused = {
    use_dora: [false],
    bias: ["none"],
    fan_in_fan_out: [false],
    modules_to_save: [null],
  } as Record<string, unknown[]>;
  for (const [key, allowed] of Object.entries(refused)) {
    if (config[key] !== undefined && config[key] !== null && !allowed.includes(config[key])) {
      fail(`${key} is ${JSON.stringify(config[key])}, which is not supported`);
    }
  }
  for (const key of ["rank_pattern", "alpha_pattern"]) {
    if (config[key] && Object.keys(config[key] as object).length) {
      fail(`${key} is set, which is not supported`);
    }
  }
  const targets = config.target_modules;
  const lora = settled({
    rank: config.r as number,
    alpha: config.lora_alpha as number,
    rankStabilized: config.use_rslora === true,
    targets: Array.isArray(targets) ? targets as string[] : "all",
  });
  const { tensors } = await readSafetensors(join(directory, "adapter_model.safetensors")),
    pairs = new Map<string, { a: tf.Tensor2D; b: tf.Tensor2D; scale: number }>();
  const known = new Set(modules(decoder, "all")),
    used = new Set<string>(),
    found: [string, Float32Array, Float32Array][] = [];
  for (const name of Object.keys(tensors)) {
    const module = /^base_model\.model\.(.+)\.lora_A\.weight$/.exec(name)?.[1];
    if (!module) continue;
    const a = tensors[name], other = name.replace("lora_A", "lora_B"), b = tensors[other];
    if (!known.has(module)) fail(`tensor ${name} belongs to no linear layer of this model`);
    const [out, width] = decoder.weight<tf.Tensor2D>(`${module}.weight`).shape;
    if (!b) fail(`tensor ${other} is missing`);
    if (a.shape.join() !== `${lora.rank},${width}` || b.shape.join() !== `${out},${lora.rank}`) {
      fail(
        `${module} has A [${a.shape}] and B [${b.shape}], the model wants [${lora.rank},${width}] and [${out},${lora.rank}]`,
      );
    }
    found.push([module, a.data as Float32Array, b.data as Float32Array]);
    used.add(name).add(other);
  }
  const stray = Object.keys(tensors).find((name) => !used.has(name));
  if (stray) fail(`tensor ${stray} is not part of a LoRA pair`);
  if (found.length === 0) fail("the weights hold no LoRA pair");
  for (const [module, a, b] of found) {
    const [out, width] = decoder.weight<tf.Tensor2D>(`${module}.weight`).shape;
    pairs.set(module, {
      a: tf.tensor2d(a, [lora.rank, width]),
      b: tf.tensor2d(b, [out, lora.rank]),
      scale: scaleOf(lora),
    });
  }
  adopt(decoder, pairs);
  return lora;
}
