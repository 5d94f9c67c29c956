import type { ConfigFields, ModelJson } from "../config_fields.ts";
import type { DecoderConfig } from "../decoder_config.ts";
import type { GgufFields } from "../gguf_fields.ts";
import type { GgufEntry } from "../../weights/write_gguf.ts";

/** What an architecture leaves to the code that all share: sizes of the vocabulary, token ids, whether the head is tied. */
export type SharedFields = "architecture" | "vocabSize" | "bosId" | "eosIds" | "padId" | "tiedEmbeddings";

/** One family of models: how its `config.json` maps to a `DecoderConfig` and back. */
export interface Architecture {
  /** `model_type` in `config.json`. */
  name: string;
  /** The class that `transformers` opens it with, for `architectures` in `config.json`. */
  transformersClass: string;
  /** What `transformers` assumes where a `config.json` is silent. */
  defaults: {
    vocabSize: number;
    bosId: number | null;
    eosIds: number[];
    padId: number | null;
    tiedEmbeddings: boolean;
  };
  /** What the family says of its decoder in `config.json`, beyond what all have. */
  read(fields: ConfigFields): Omit<DecoderConfig, SharedFields>;
  /** The fields of `config.json` that this family adds to the shared ones. */
  write(config: DecoderConfig): ModelJson;
  /** How the family stands in GGUF files; without it they are refused. */
  gguf?: GgufFamily;
}

/** One family as llama.cpp has it. */
export interface GgufFamily {
  /** `general.architecture`. */
  name: string;
  /** Whether queries and keys have the numbers that a rotary embedding turns together side by side. */
  rotaryPairs: boolean;
  /** The fields of `config.json` that go beyond the shared ones. */
  read(fields: GgufFields): ModelJson;
  /** Their keys below the architecture's name; what cannot be said is found when the file is read back. */
  write(config: DecoderConfig): Record<string, GgufEntry>;
}
