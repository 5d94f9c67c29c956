import * as tf from "@tensorflow/tfjs";
import { Random } from "../random/random.ts";
import type { Decoder, LoraValues } from "./decoder.ts";
import { loraModules, modulePattern, patternValue } from "./lora_modules.ts";

/** A low-rank adapter (Hu et al. 2021, arXiv 2106.09685). */
export interface LoraOptions {
  /** What `useAdapter` calls it; one of the same name is replaced. PEFT: adapter_name. @default "default" */
  name?: string;
  /** PEFT: r. @default 16 */
  rank?: number;
  /** PEFT: lora_alpha. @default 2·rank */
  alpha?: number;
  /**
   * Linear layers: all, a list of ends of names such as `q_proj`, or a regular expression that the whole name matches, such
   * as `.*layers\.[0-3]\.mlp\..*`. PEFT: target_modules. @default "all"
   */
  targets?: string | string[];
  /** Layers left out, in the same spellings. PEFT: exclude_modules. @default null: none */
  exclude?: string | string[] | null;
  /** Scale by α/√rank instead of α/rank (Kalajdzievski 2023, arXiv 2312.03732). PEFT: use_rslora. @default false */
  rankStabilized?: boolean;
  /** Share of the adapter's inputs set to 0 in training, and never when sampling. PEFT: lora_dropout. @default 0 */
  dropout?: number;
  /** Ranks of layers whose name, or its end, matches a key. PEFT: rank_pattern. @default {} */
  rankPattern?: Record<string, number>;
  /** The same for alpha. PEFT: alpha_pattern. @default {} */
  alphaPattern?: Record<string, number>;
  /** Seeds A. @default 1 */
  seed?: number;
}

/** The options with every default filled in. */
export type LoraSettings = Required<LoraOptions>;

/** The options with every default filled in. @throws {RangeError} naming the one that is out of range */
export function loraSettings({
  name = "default",
  rank = 16,
  alpha = 2 * rank,
  targets = "all",
  exclude = null,
  rankStabilized = false,
  dropout = 0,
  rankPattern = {},
  alphaPattern = {},
  seed = 1,
}: LoraOptions): LoraSettings {
  const fault = (rule: string, value: unknown) => new RangeError(`adding LoRA needs ${rule}, got ${value}`);
  if (!/^[\w-][\w.-]*$/.test(name)) {
    throw fault("a name of letters, digits, dots, underscores and hyphens", JSON.stringify(name));
  }
  for (const value of [rank, ...Object.values(rankPattern)]) {
    if (!(Number.isInteger(value) && value > 0)) throw fault("a whole rank above 0", value);
  }
  for (const value of [alpha, ...Object.values(alphaPattern)]) {
    if (!(value > 0 && value < Infinity)) throw fault("an alpha above 0", value);
  }
  for (const key of [...Object.keys(rankPattern), ...Object.keys(alphaPattern)]) modulePattern(key);
  if (!(dropout >= 0 && dropout < 1)) throw fault("a dropout of at least 0 and below 1", dropout);
  return { name, rank, alpha, targets, exclude, rankStabilized, dropout, rankPattern, alphaPattern, seed };
}

/** The rank and the scale of one layer's pair. */
export function loraOf(
  module: string,
  { rank, alpha, rankStabilized, rankPattern, alphaPattern }: LoraSettings,
): { rank: number; scale: number } {
  const own = patternValue(rankPattern, module, rank), top = patternValue(alphaPattern, module, alpha);
  return { rank: own, scale: top / (rankStabilized ? Math.sqrt(own) : own) };
}

/** Adds a fresh adapter and freezes the base: A uniform as PEFT has it (Kaiming, a = √5), B zero. */
export function addLora(decoder: Decoder, options: LoraOptions): LoraSettings {
  const lora = loraSettings(options), random = new Random(lora.seed), pairs: LoraValues = new Map();
  for (const module of loraModules(decoder, lora)) {
    const [out, width] = decoder.shape(`${module}.weight`), bound = 1 / Math.sqrt(width);
    const { rank, scale } = loraOf(module, lora);
    const a = Float32Array.from({ length: rank * width }, () => (2 * random.next() - 1) * bound);
    pairs.set(module, {
      a: tf.tensor2d(a, [rank, width]),
      b: tf.zeros([out, rank]),
      scale,
      dropout: lora.dropout,
    });
  }
  decoder.setLora(pairs, lora.name);
  for (const { a, b } of pairs.values()) tf.dispose([a, b]);
  return lora;
}
