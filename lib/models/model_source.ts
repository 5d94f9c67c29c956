import type { Tokenizer } from "../text/tokenizer.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import type { Checkpoint } from "./read_weights.ts";

/** A model before its weights are read: what it is, and how to get the rest. */
export interface ModelSource {
  /** From what describes the model; no weight was fetched for it. */
  config: DecoderConfig;
  /** Fetches and opens the weights; the caller closes `checkpoint.files`. */
  open(): Promise<OpenModel>;
}

/** A model whose files are open. */
export interface OpenModel {
  /** As the weights have it: a stored head that is not the embedding counts. */
  config: DecoderConfig;
  tokenizer: Tokenizer;
  checkpoint: Checkpoint;
  /** The directory, or the GGUF file, with what is no weight: the tokenizer is written from it when the model is saved. */
  directory: string;
}
