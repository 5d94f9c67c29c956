import type { Tokenizer } from "../text/tokenizer.ts";
import { CompletionText } from "./completion_text.ts";
import { generate } from "./generate.ts";
import type { SampledDecoder } from "./sampled_decoder.ts";
import type { SamplingOptions } from "./sampling_options.ts";
import { ArgumentError } from "../options/argument_error.ts";

/** Options of `generate` and `stream`. */
export interface GenerateOptions extends Omit<SamplingOptions, "onTokens"> {
  /**
   * A completion ends before the first of these texts, wherever the borders of tokens fall. A special token's text, such as
   * `<end_of_turn>`, counts as an end token. @default []
   */
  stop?: string[];
  /** Keep the stop text in the completion. @default false */
  includeStop?: boolean;
  /** Called with each piece of text as it comes. */
  onText?: (chunk: CompletionChunk) => void;
}

/** A sampled completion as text. */
export interface Completion {
  /** Index of its prompt. */
  prompt: number;
  /** Without special tokens, without the stop text and without a last character that was cut in two. */
  text: string;
  /** All sampled ids, the end token and those of the stop text included. */
  tokens: number[];
  /** The text of each token; joined they are `text`, the end token being "". */
  pieces: string[];
  /** log p of each token at the sampling temperature, nats. */
  logprobs: number[];
  /** What ended it: an end token, a stop text, the token limit, or `signal`. */
  ended: "end" | "stop" | "limit" | "aborted";
  /** Whether the token limit cut it. */
  truncated: boolean;
}

/** Text that a completion has grown by. */
export interface CompletionChunk {
  /** Index of its prompt. */
  prompt: number;
  /** Which of its prompt's completions, below `n`. */
  sample: number;
  /** What came new: whole characters, never part of a stop text. Joined they are the completion's text. */
  text: string;
  /** Tokens so far. */
  tokens: number;
  /** The whole completion, with the last chunk. */
  completion?: Completion;
}

/** What completes texts; `CausalLM` is one. */
export interface SampledModel {
  /** What draws tokens. */
  readonly decoder: SampledDecoder;
  /** What turns them into text. */
  readonly tokenizer: Tokenizer;
}

/** Tokens between looks where somebody reads along. */
const streamedTokens = 2;

/** Samples completions of prompts, texts or token ids, as text. The body of `CausalLM.generate`. */
export async function complete(
  { decoder, tokenizer }: SampledModel,
  prompts: readonly string[] | readonly number[][],
  { stop = [], includeStop = false, onText, ...options }: GenerateOptions,
): Promise<Completion[]> {
  if (!Array.isArray(prompts)) {
    throw new ArgumentError(
      `generate's prompts must be a list, got ${typeof prompts}; put one prompt into brackets: ["…"]`,
    );
  }
  const { n = 1, maxTokens = 128, eosIds = decoder.config.eosIds } = options;
  const ids = prompts.map((prompt) => typeof prompt === "string" ? tokenizer.encode(prompt) : prompt);
  const texts: string[] = [], ends = [...eosIds];
  for (const text of stop) {
    const [id, ...rest] = text ? tokenizer.encode(text, { bos: false }) : [];
    if (id !== undefined && rest.length === 0 && tokenizer.isSpecial(id)) ends.push(id);
    else texts.push(text);
  }

  const rows = ids.flatMap((_, prompt) =>
    Array.from({ length: n }, (_, sample) => ({
      prompt,
      sample,
      text: new CompletionText(tokenizer, { stop: texts, includeStop }),
      completion: undefined as Completion | undefined,
    }))
  );
  /** Brings a row up to its tokens; `last` when no more come. */
  const grow = (
    row: number,
    { tokens, logprobs, last }: { tokens: number[]; logprobs: number[]; last: boolean },
  ) => {
    const { prompt, sample, text, completion } = rows[row];
    if (completion) return;
    let fresh = "";
    while (text.pieces.length < tokens.length && text.stopped === null) {
      fresh += text.push(tokens[text.pieces.length]);
    }
    // the look may have come some tokens late
    const kept = tokens.slice(0, text.pieces.length), done = ends.includes(kept.at(-1)!);
    const ended = text.stopped !== null
      ? "stop"
      : done
      ? "end"
      : kept.length >= maxTokens
      ? "limit"
      : "aborted";
    if (last || ended !== "aborted") {
      fresh += text.end();
      rows[row].completion = {
        prompt,
        text: text.text,
        tokens: kept,
        pieces: text.pieces,
        logprobs: logprobs.slice(0, kept.length),
        ended,
        truncated: ended === "limit",
      };
    }
    const whole = rows[row].completion;
    if (whole || fresh) {
      onText?.({ prompt, sample, text: fresh, tokens: kept.length, ...(whole ? { completion: whole } : {}) });
    }
  };
  const samples = await generate(decoder, ids, {
    ...options,
    eosIds: ends,
    lookEvery: options.lookEvery ?? (onText ? streamedTokens : undefined),
    onTokens: onText || texts.length
      ? (tokens, logprobs, row) => {
        grow(row, { tokens, logprobs, last: false });
        return rows[row].text.stopped !== null;
      }
      : undefined,
  });
  samples.forEach(({ tokens, logprobs }, row) => grow(row, { tokens, logprobs, last: true }));
  return rows.slice(0, samples.length).map(({ completion }) => completion!);
}
