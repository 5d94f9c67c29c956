import type { KeptWeights } from "../weights/read_stored.ts";
import { memoryLeft } from "./check_memory.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { estimateMemory, type EstimateMemoryOptions } from "./estimate_memory.ts";

/** Bytes a weight takes, scales counted; `file` may hold anything up to float32. */
export const keptBytes: Readonly<Record<KeptWeights, number>> = {
  float32: 4,
  file: 4,
  bfloat16: 2,
  int8: 1.125,
  q4: 0.75,
};

/**
 * How a model's matrices are kept where `weights` says so, or says `auto`: as the file has them where they are frozen, in 16 bits where
 * float32 would not fit, and in float32 where they are trained.
 */
export function keptWeights(
  config: DecoderConfig,
  { weights, frozen, ...use }: EstimateMemoryOptions & { weights: "auto" | KeptWeights; frozen: boolean },
): KeptWeights {
  if (weights !== "auto") return weights;
  if (!frozen) return "float32";
  return estimateMemory(config, { ...memoryLeft(), ...use }).fits ? "file" : "bfloat16";
}
