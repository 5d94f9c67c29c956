import type { Tokenizer } from "../text/tokenizer.ts";
import type { Decoder } from "./decoder.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import type { LoraSettings } from "./lora.ts";

/** What writing a model or an adapter reads of it; `CausalLM` is one. */
export interface SavedModel {
  readonly decoder: Decoder;
  readonly config: DecoderConfig;
  readonly tokenizer: Tokenizer;
  readonly source: string;
  readonly directory: string | null;
  readonly parameterCount: number;
  readonly adapter: string | null;
  adapterOptions(name: string): LoraSettings | undefined;
}
