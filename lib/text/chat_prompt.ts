import { Template } from "@huggingface/jinja";
import type { Tokenizer } from "./tokenizer.ts";

/** One turn of a chat. */
export interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: string;
}

/** Options of {@linkcode chatPrompt}. */
export interface ChatPromptOptions {
  /** A system prompt before the messages. */
  system?: string;
  /** End where the model begins to speak. @default true */
  addGenerationPrompt?: boolean;
}

const templates = new Map<string, Template>();

/**
 * A chat as the model expects it, by its own template. A string is one user message. A tokenizer without a template gets
 * the contents alone, a line each. The text holds the special tokens, so encode it with `{ bos: false }`.
 *
 * @throws {Error} what the template raises, such as for roles that do not alternate
 */
export function chatPrompt(
  tokenizer: Tokenizer,
  messages: string | ChatMessage[],
  { system, addGenerationPrompt = true }: ChatPromptOptions = {},
): string {
  const turns: ChatMessage[] = typeof messages === "string"
    ? [{ role: "user", content: messages }]
    : messages;
  const all = system ? [{ role: "system" as const, content: system }, ...turns] : turns,
    { chatTemplate } = tokenizer;
  if (chatTemplate === null) {
    return `${tokenizer.specialTokens.bos_token ?? ""}${all.map(({ content }) => content).join("\n")}\n`;
  }
  let template = templates.get(chatTemplate);
  if (!template) templates.set(chatTemplate, template = new Template(chatTemplate));
  return template.render({
    messages: all,
    add_generation_prompt: addGenerationPrompt,
    ...tokenizer.specialTokens,
  });
}
