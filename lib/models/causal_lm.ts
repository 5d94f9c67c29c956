import type * as tf from "@tensorflow/tfjs";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { Decoder } from "./decoder.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { generate, type SamplingOptions } from "./generate.ts";
import { addLora, loadAdapter, type LoraOptions, saveAdapter } from "./lora.ts";
import { saveModel } from "./save_model.ts";

/** Options of {@linkcode CausalLM.generate}. */
export interface GenerateOptions extends Omit<SamplingOptions, "stop"> {
  /** A completion ends where one of these texts is complete; the text is kept. @default [] */
  stop?: string[];
}

/** A sampled completion as text. */
export interface Completion {
  /** Index of its prompt. */
  prompt: number;
  /** Without special tokens. */
  text: string;
  /** All sampled ids, the end token included. */
  tokens: number[];
  /** The text of each token; joined they are `text`, the end token being "". */
  pieces: string[];
  /** log p of each token at the sampling temperature, nats. */
  logprobs: number[];
  /** Whether the token limit cut it. */
  truncated: boolean;
}

/** What makes a {@linkcode CausalLM}. */
export interface CausalLMParts {
  decoder: Decoder;
  tokenizer: Tokenizer;
  /** Where it came from: a directory or a hub id. */
  source: string;
  /** The directory with the files, to copy what is not a weight when saving. */
  directory: string | null;
}

/**
 * A language model with its tokenizer. Made by `loadModel` or `createModel`; give its memory back with `dispose`.
 *
 * @example
 * ```ts
 * import { loadModel } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const [{ text }] = await model.generate(["What is 3 + 4?"], { maxTokens: 32, temperature: 0 });
 * ```
 */
export class CausalLM {
  readonly decoder: Decoder;
  readonly tokenizer: Tokenizer;
  readonly source: string;
  readonly directory: string | null;
  /** The options of the adapter in use, `null` without one. */
  lora: LoraOptions | null = null;

  constructor({ decoder, tokenizer, source, directory }: CausalLMParts) {
    this.decoder = decoder;
    this.tokenizer = tokenizer;
    this.source = source;
    this.directory = directory;
  }

  get config(): DecoderConfig {
    return this.decoder.config;
  }

  /** Trained and frozen numbers in the model, the adapter apart. */
  get parameterCount(): number {
    return this.decoder.names.reduce((sum, name) => sum + this.decoder.weight<tf.Tensor>(name).size, 0);
  }

  /** Logits [batch, length, vocabulary] of token ids; shorter rows are padded with zeros. The caller disposes of them. */
  logits(ids: number[][]): tf.Tensor3D {
    return this.decoder.logits(ids);
  }

  /** Samples completions of prompts: texts as the model should see them (`chatPrompt` makes them), or token ids. */
  async generate(prompts: string[] | number[][], options: GenerateOptions = {}): Promise<Completion[]> {
    const ids = prompts.map((prompt) => typeof prompt === "string" ? this.tokenizer.encode(prompt) : prompt);
    const { stop = [], ...rest } = options, { tokenizer } = this, { maxTokens = 128 } = options;
    const text = (tokens: number[]) => tokenizer.decode(tokens, { skipSpecial: true });
    const stopped = stop.length === 0
      ? undefined
      : (tokens: number[]) => stop.some((end) => text(tokens).includes(end));
    const samples = await generate(this.decoder, ids, { ...rest, stop: stopped });
    return samples.map(({ prompt, tokens, logprobs, ended }) => {
      let kept = tokens;
      if (stopped?.(tokens)) {
        // the look came some tokens late: cut where the stop text was first complete
        let n = 1;
        while (n < tokens.length && !stopped(tokens.slice(0, n))) n++;
        kept = tokens.slice(0, n);
      }
      const done = ended || kept.length < tokens.length || stopped?.(kept) === true;
      return {
        prompt,
        text: text(kept),
        tokens: kept,
        pieces: tokenizer.pieces(kept, { skipSpecial: true }),
        logprobs: logprobs.slice(0, kept.length),
        truncated: !done && kept.length >= maxTokens,
      };
    });
  }

  /** Adds a fresh LoRA adapter and freezes the base; B starts at zero, so that nothing changes at first. */
  addLora(options: LoraOptions = {}): void {
    this.lora = addLora(this.decoder, options);
  }

  /** Saves the adapter in PEFT's format. */
  async saveAdapter(directory: string): Promise<void> {
    await saveAdapter(directory, this);
  }

  /** Loads an adapter in PEFT's format and freezes the base. */
  async loadAdapter(directory: string): Promise<void> {
    this.lora = await loadAdapter(directory, this.decoder);
  }

  /** Saves the whole model, the adapter merged in, as a Hugging Face directory. */
  async save(directory: string): Promise<void> {
    await saveModel(directory, this);
  }

  dispose(): void {
    this.decoder.dispose();
  }

  /** A short description, in notebooks and terminals. */
  toString(): string {
    const { config, lora } = this, millions = (this.parameterCount / 1e6).toFixed(2);
    const adapter = lora ? `, LoRA rank ${lora.rank} on ${this.decoder.lora.size} layers` : "";
    return `${this.source}: ${config.architecture}, ${millions} M parameters, ${config.layers} layers, width ${config.hiddenSize}, vocabulary ${config.vocabSize}${adapter}`;
  }

  [Symbol.for("Jupyter.display")](): Record<string, string> {
    return { "text/plain": this.toString() };
  }

  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}
