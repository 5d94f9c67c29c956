import * as tf from "@tensorflow/tfjs";
import { parseOptions } from "../options/parse_options.ts";
import { Random } from "../random/random.ts";
import type { Decoder, LoraValues } from "./decoder.ts";
import { loraModules, modulePattern, patternValue } from "./lora_modules.ts";
import type { LoraOptions } from "./lora_options.ts";
import { addLoraSchema } from "./model_schema.ts";

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
