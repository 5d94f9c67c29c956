import * as tf from "@tensorflow/tfjs";
import { parseOptions } from "../options/parse_options.ts";
import { Random } from "../random/random.ts";
import type { Decoder, LoraValues } from "./decoder.ts";
import { loraModules, modulePattern, patternValue } from "./lora_modules.ts";
import { addLoraSchema } from "./model_schema.ts";

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

/** The options with every default filled in. @throws {ConfigError | RangeError} naming the one that is out of range */
export function loraSettings(options: LoraOptions): LoraSettings {
  const checked = parseOptions(addLoraSchema, options, "LoRA");
  for (const key of [...Object.keys(checked.rankPattern), ...Object.keys(checked.alphaPattern)]) {
    modulePattern(key);
  }
  return { ...checked, alpha: checked.alpha ?? 2 * checked.rank };
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
  decoder.addAdapter(pairs, lora.name);
  for (const { a, b } of pairs.values()) tf.dispose([a, b]);
  return lora;
}
