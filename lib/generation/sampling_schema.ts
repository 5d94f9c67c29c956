import { z } from "zod";

const count = z.int().min(1);

/** How the next token is chosen, as every section that samples has it. */
export const samplingFields = {
  topK: z.int().min(0).default(0).describe("Sample from the k likeliest tokens. TRL: top_k. Default 0: all."),
  topP: z.number().gt(0).max(1).default(1).describe("Nucleus sampling. TRL: top_p. Default 1: all."),
  minP: z.number().min(0).max(1).default(0).describe(
    "Least probability relative to the likeliest token. TRL: min_p. Default 0: none.",
  ),
  maxTokens: count.default(128).describe(
    "Longest completion in tokens. TRL: max_completion_length. Default 128.",
  ),
};

const callback = () =>
  z.custom((value) => typeof value === "function", { error: "must be a function" }).optional();

/** Options of `generate`, `stream` and what they call. */
export const samplingSchema = z.strictObject({
  ...samplingFields,
  temperature: z.number().min(0).default(1).describe("0 takes the likeliest token. Default 1."),
  n: count.default(1).describe("Completions a prompt. Default 1."),
  seed: z.number().default(0).describe("Names the random sequence. Default 0."),
  seeds: z.array(z.number()).optional().describe(
    "One a prompt, in place of seed and the prompt's place. Default none.",
  ),
  eosIds: z.array(z.int().min(0)).optional().describe(
    "Token ids that end a completion. Default: the model's own.",
  ),
  lookEvery: count.default(16).describe("Tokens between looks at the signal and the text. Default 16."),
  stop: z.array(z.string()).default([]).describe("Texts before which a completion ends. Default none."),
  includeStop: z.boolean().default(false).describe("Keep the stop text. Default false."),
  signal: z.custom<AbortSignal>((value) => value instanceof AbortSignal, { error: "must be an AbortSignal" })
    .optional().describe("Ends the sampling."),
  onText: callback().describe("Called with each piece of text."),
  onTokens: callback().describe("Called with each completion's tokens."),
  onProgress: callback().describe("Called with the number of tokens."),
  onNote: callback().describe("Called with what a person should know."),
});
