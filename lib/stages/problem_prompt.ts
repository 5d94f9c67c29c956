import type { Problem } from "../data/problem.ts";
import type { FormatOption } from "../formats/format_schema.ts";
import { responseFormatOf } from "../formats/response_format_of.ts";
import { chatPrompt } from "../text/chat_prompt.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** A problem as the model sees it. */
export interface ProblemPrompt {
  /** As the model sees it. */
  text: string;
  /** The same as token ids. */
  ids: number[];
}

/** What every stage says of its prompts. */
export interface PromptOptions {
  /** Instead of the instructions of the format. */
  systemPrompt?: string | null;
  /** Values for the chat template's own variables. */
  chatTemplateOptions?: Record<string, unknown>;
  /** Its instructions are the system prompt where none is given. */
  format?: FormatOption;
}

/** The chat prompt of a problem's question, with an optional system prompt, up to where the model answers. */
export function problemPrompt(
  tokenizer: Tokenizer,
  problem: Problem,
  { systemPrompt, chatTemplateOptions, format }: PromptOptions = {},
): ProblemPrompt {
  const text = chatPrompt(tokenizer, problem.question, {
    system: systemPrompt ?? responseFormatOf(format).instructions ?? undefined,
    templateOptions: chatTemplateOptions,
  });
  return { text, ids: tokenizer.encode(text, { bos: false }) };
}
