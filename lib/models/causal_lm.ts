import type { Tensor3D } from "../backend/tensors.ts";
import { displayable } from "../display/displayable.ts";
import { type MediaBundle, showResult } from "../display/show_result.ts";
import { textTable } from "../display/table.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { Decoder } from "./decoder.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import {
  complete,
  type Completion,
  type CompletionChunk,
  type GenerateOptions,
} from "../generation/complete.ts";
import { addLora, type LoraSettings } from "./lora.ts";
import type { LoraOptions } from "./lora_options.ts";
import { loadAdapter, saveAdapter, type SaveAdapterOptions } from "./peft_adapter.ts";
import type { ReadBack } from "./read_back.ts";
import { saveModel, type SaveModelOptions } from "./save_model.ts";
import { keepAdapter } from "./keep_adapter.ts";
import { setTrainedBefore, type TrainedBefore, trainedBefore } from "./trained_weights.ts";
import { stream } from "../generation/stream.ts";

export type { Completion, CompletionChunk, GenerateOptions } from "../generation/complete.ts";

/** One of the adapters on a base. */
export interface AdapterInfo {
  /** What it is switched to by. */
  name: string;
  /** Whether it is in use. */
  active: boolean;
  /** Rank of the update. */
  rank: number;
  /** The update is scaled by alpha / rank. */
  alpha: number;
  /** Share of the adapter's inputs set to 0 in training. */
  dropout: number;
  /** Linear layers that it changes. */
  layers: number;
  /** Numbers in its matrices. */
  parameters: number;
}

/** What makes a {@linkcode CausalLM}. */
export interface CausalLMParts {
  /** The weights and what they compute. */
  decoder: Decoder;
  /** What turns text into token ids and back. */
  tokenizer: Tokenizer;
  /** Where it came from: a directory or a hub id. */
  source: string;
  /** The directory with the files, to copy what is not a weight when saving. */
  directory: string | null;
  /** Makes the decoder once more as it was, for `reset`. @default the weights cannot be reset */
  again?: () => Promise<Decoder>;
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
  /** The weights and what they compute. */
  readonly decoder: Decoder;
  /** What turns text into token ids and back. */
  readonly tokenizer: Tokenizer;
  /** Where it came from: a directory or a hub id. */
  readonly source: string;
  /** The directory with its files. */
  readonly directory: string | null;
  readonly #lora = new Map<string, LoraSettings>();
  readonly #again: CausalLMParts["again"];
  /** Each adapter as it was when it was added, and the training that the weights had had by then. */
  readonly #starts = new Map<string, { restore: () => void; before: TrainedBefore[] }>();

  /** Puts a decoder and its tokenizer together. */
  constructor({ decoder, tokenizer, source, directory, again }: CausalLMParts) {
    this.decoder = decoder;
    this.tokenizer = tokenizer;
    this.source = source;
    this.directory = directory;
    this.#again = again;
  }

  /** The shape of the model. */
  get config(): DecoderConfig {
    return this.decoder.config;
  }

  /** Trained and frozen numbers in the model, the adapter apart. */
  get parameterCount(): number {
    return this.decoder.names.reduce(
      (sum, name) => sum + this.decoder.shape(name).reduce((a, b) => a * b, 1),
      0,
    );
  }

  /** Logits [batch, length, vocabulary] of token ids; shorter rows are padded with zeros. The caller disposes of them. */
  logits(ids: number[][]): Tensor3D {
    return this.decoder.logits(ids);
  }

  /**
   * Samples completions of prompts: texts as the model should see them (`chatPrompt` makes them), or token ids. When `signal` aborts,
   * they are returned as far as they came.
   *
   * @throws {ConfigError} for an unknown or wrong option, {RangeError} for a prompt that does not fit
   */
  generate(prompts: string[] | number[][], options: GenerateOptions = {}): Promise<Completion[]> {
    return complete(this, prompts, options);
  }

  /**
   * The same as they come, a chunk of whole characters at a time; leaving the loop ends the sampling.
   *
   * @example
   * ```ts
   * import { loadModel } from "../../mod.ts";
   * const model = await loadModel("data/models/tiny-gemma");
   * for await (const { text } of model.stream(["What is 3 + 4?"], { stop: ["</answer>"], maxTokens: 16 })) console.log(text);
   * ```
   */
  stream(
    prompts: string[] | number[][],
    options: GenerateOptions = {},
  ): AsyncGenerator<CompletionChunk, void> {
    return stream(this, prompts, options);
  }

  /** The options of the adapter in use, `null` without one. */
  get lora(): LoraSettings | null {
    return this.adapter === null ? null : this.#lora.get(this.adapter)!;
  }

  /** The name of the adapter in use, `null` when none is. */
  get adapter(): string | null {
    return this.decoder.adapter;
  }

  /** The adapters on this base, in the order they came. */
  get adapters(): AdapterInfo[] {
    const { decoder } = this;
    const all = decoder.adapters.map((name) => {
      const pairs = [...decoder.loraPairs(name).values()], { rank, alpha, dropout } = this.#lora.get(name)!;
      const parameters = pairs.reduce((sum, { a, b }) => sum + a.size + b.size, 0);
      return {
        name,
        active: name === decoder.adapter,
        rank,
        alpha,
        dropout,
        layers: pairs.length,
        parameters,
      };
    });
    return displayable(all, {
      text: () =>
        textTable({
          columns: ["adapter", "in use", "rank", "alpha", "dropout", "layers", "parameters"],
          rows: all.map(({ name, active, rank, alpha, dropout, layers, parameters }) => [
            name,
            active ? "yes" : "",
            ...[rank, alpha, dropout, layers, parameters].map(String),
          ]),
        }),
    });
  }

  /** The options of an adapter, `undefined` when there is none of that name. */
  adapterOptions(name: string): LoraSettings | undefined {
    return this.#lora.get(name);
  }

  /**
   * Adds a fresh LoRA adapter, puts it to use and freezes the base; B starts at zero, so that nothing changes at first. One of the
   * same name is replaced.
   *
   * @throws {ConfigError} for an unknown or wrong option, {RangeError} for targets that no layer has
   */
  addLora(options: LoraOptions = {}): void {
    const { decoder } = this, lora = addLora(decoder, options);
    this.#lora.set(lora.name, lora);
    this.#starts.set(lora.name, {
      restore: () => void addLora(decoder, lora),
      before: trainedBefore(decoder),
    });
  }

  /** Saves an adapter in PEFT's format with a model card, the one in use or the one named, and compares what it reads back. */
  saveAdapter(directory: string, options: SaveAdapterOptions = {}): Promise<ReadBack | null> {
    return saveAdapter(directory, this, options);
  }

  /**
   * Loads an adapter in PEFT's format, puts it to use and freezes the base. One of the same name is replaced.
   *
   * @throws {ModelFileError} naming the file and what does not fit; the model is then as it was
   */
  async loadAdapter(directory: string, { name = "default" }: { name?: string } = {}): Promise<void> {
    const { decoder } = this;
    this.#lora.set(name, await loadAdapter(directory, decoder, { name }));
    this.#starts.set(name, { restore: await keepAdapter(decoder, name), before: trainedBefore(decoder) });
  }

  /**
   * Puts an adapter to use, or with `null` the base alone. What is trained, sampled, evaluated and saved is the adapter in use.
   *
   * @throws {RangeError} when there is none of that name
   * @example
   * ```ts
   * import { loadModel } from "../../mod.ts";
   * const model = await loadModel("data/models/tiny-gemma"), folder = await Deno.makeTempDir();
   * model.addLora({ rank: 2 });
   * await model.saveAdapter(folder);
   * await model.loadAdapter(folder, { name: "demo" });
   * model.useAdapter(null); // the base
   * model.useAdapter("demo");
   * ```
   */
  useAdapter(name: string | null): void {
    this.decoder.useAdapter(name);
  }

  /** Takes an adapter away and gives its memory back; without any left, training changes the base again. */
  removeAdapter(name: string): void {
    this.decoder.removeAdapter(name);
    this.#lora.delete(name);
    this.#starts.delete(name);
  }

  /**
   * Puts back what is trained as it was before any training: the adapter in use as it was added or loaded, or, where the weights themselves are
   * trained, those, made or read once more from where the model came from (as much memory again meanwhile). A training cell that is
   * run again then starts from where it first did.
   *
   * @throws {ModelFileError} when other weights were written there since; the model is then as it was
   * @example
   * ```ts
   * import { loadDataset, loadModel, sft } from "../../mod.ts";
   * const model = await loadModel("data/models/tiny-gemma");
   * const data = await loadDataset({ train: [{ source: "generator", count: 40 }] });
   * await sft(model, data.train, { steps: 1, batchSize: 4, learningRate: 1e-3 });
   * await model.reset();
   * await sft(model, data.train, { steps: 1, batchSize: 4, learningRate: 1e-4 });
   * ```
   */
  async reset(): Promise<void> {
    const { decoder } = this, start = this.#starts.get(this.adapter ?? "");
    if (start && this.adapter !== null) start.restore();
    else if (decoder.trainBase) {
      if (!this.#again) {
        throw new RangeError(
          `resetting ${this.source}: it must have been made by loadModel or createModel, which know its weights; this one was put together by hand`,
        );
      }
      const fresh = await this.#again();
      try {
        for (const { name, variable } of decoder.parameters()) variable.assign(fresh.weight(name));
      } finally {
        fresh.dispose();
      }
    }
    setTrainedBefore(decoder, start?.before ?? []);
  }

  /**
   * Saves the whole model, the adapter in use merged in, as a Hugging Face directory, large ones in shards, and compares what it reads
   * back.
   */
  save(directory: string, options: SaveModelOptions = {}): Promise<ReadBack | null> {
    return saveModel(directory, this, options);
  }

  /** Gives its memory back. */
  dispose(): void {
    this.decoder.dispose();
  }

  /** A short description, in notebooks and terminals. */
  toString(): string {
    const { config, lora } = this, millions = (this.parameterCount / 1e6).toFixed(2);
    const others = this.decoder.adapters.length - (lora ? 1 : 0);
    const adapter =
      (lora
        ? `, LoRA${
          lora.name === "default" ? "" : ` ${lora.name}`
        } rank ${lora.rank} on ${this.decoder.lora.size} layers`
        : "") +
      (others ? `, ${others}${lora ? " more" : ""} adapter${others > 1 ? "s" : ""} not in use` : "");
    return `${this.source}: ${config.architecture}, ${millions} M parameters, ${config.layers} layers, width ${config.hiddenSize}, vocabulary ${config.vocabSize}${adapter}`;
  }

  /** How a notebook shows it. */
  [Symbol.for("Jupyter.display")](): Promise<MediaBundle> {
    return showResult({ "text/plain": this.toString() });
  }

  /** How a terminal shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}
