// Generated from the schema by `deno task options`: change it there.
import type { LoraOptions } from "./lora_options.ts";

/** Options of `loadModel`. */
export interface LoadModelOptions {
  /**
   * A directory or a GGUF file, relative to the configuration file, or a hub id such as
   * google/gemma-3-270m-it.
   */
  path: string;
  /** Branch, tag or commit of a hub id. @default main */
  revision?: string;
  /** Train an adapter and freeze the weights; true: with its defaults. @default null: train all */
  lora?: boolean | Omit<LoraOptions, "seed"> | null;
  /** Folder of a PEFT adapter to start from. @default null */
  adapter?: string | null;
  /** Seed of the adapter's initial values. @default the run's */
  seed?: number;
  /**
   * How frozen matrices are kept: auto takes 8 or 4 bits of a GGUF file and 16 bits as they are where an
   * adapter freezes them, and 16 bits where float32 would not fit; the others freeze the weights. On webgpu 16
   * bits are float16.
   * @default auto
   */
  weights?: "auto" | "float32" | "bfloat16" | "int8" | "q4";
}
