import { z } from "zod";
import { checkArgument } from "../options/check_argument.ts";
import { parseOptions } from "../options/parse_options.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { CausalLM } from "./causal_lm.ts";
import { Decoder } from "./decoder.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { initialWeights } from "./initial_weights.ts";

/** Options of {@linkcode createModel}. */
export interface CreateModelOptions {
  /** What turns text into token ids and back. */
  tokenizer: Tokenizer;
  /** Seeds the weights. @default 0 */
  seed?: number;
  /** Standard deviation of the matrices' entries. @default 0.02 */
  standardDeviation?: number;
  /** The directory that holds the tokenizer's files, copied when the model is saved. */
  directory?: string;
}

const count = z.int().min(1);

/** What a decoder cannot be made without; the rest of its configuration is a matter of its family. */
const shapeSchema = z.looseObject({
  vocabSize: count,
  hiddenSize: count,
  intermediateSize: count,
  layers: count,
  heads: count,
  kvHeads: count,
  headDim: count,
  maxPositions: count,
  layerWindows: z.array(count.nullable()),
  layerRope: z.array(z.unknown()),
}).superRefine(({ layers, heads, kvHeads, layerWindows, layerRope }, context) => {
  const wrong = (name: string, message: string) =>
    context.addIssue({ code: "custom", path: [name], message });
  if (heads % kvHeads) wrong("kvHeads", `must divide the ${heads} heads`);
  if (layerWindows.length !== layers) {
    wrong("layerWindows", `must have an entry for each of ${layers} layers`);
  }
  if (layerRope.length !== layers) wrong("layerRope", `must have an entry for each of ${layers} layers`);
});

const createSchema = z.strictObject({
  tokenizer: z.custom<Tokenizer>(
    (value) => typeof (value as Tokenizer | null)?.encode === "function",
    { error: "must be a tokenizer, as loadTokenizer gives it" },
  ),
  seed: z.int().default(0),
  standardDeviation: z.number().min(0).default(0.02),
  directory: z.string().optional(),
});

/**
 * A model with random weights, for pre-training: matrices are normal, norms start as the identity, biases at zero.
 *
 * @throws {ConfigError} for a configuration that no decoder can be made of, and an unknown or wrong option
 */
export function createModel(config: DecoderConfig, options: CreateModelOptions): CausalLM {
  checkArgument("createModel's first argument", "options", config);
  parseOptions(shapeSchema, config as never, "createModel's first argument as");
  const { tokenizer, seed, standardDeviation, directory } = parseOptions(
    createSchema,
    options,
    "createModel",
  );
  const make = () => new Decoder(config, initialWeights(config, { seed, standardDeviation }));
  return new CausalLM({
    decoder: make(),
    again: () => Promise.resolve(make()),
    tokenizer,
    source: "created",
    directory: directory ?? null,
  });
}
