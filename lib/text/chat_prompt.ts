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
 * the contents alone, a line each; a system prompt that the template has no place for goes before the first user turn, as Gemma 3
 * has it. The text holds the special tokens, so encode it with `{ bos: false }`.
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
  const render = (messages: ChatMessage[]) =>
    template.render({ messages, add_generation_prompt: addGenerationPrompt, ...tokenizer.specialTokens });
  if (all[0]?.role !== "system") return render(all);
  try {
    const text = render(all);
    if (text.includes(all[0].content.trim())) return text;
  } catch (error) {
    if (all[1]?.role !== "user") throw error;
  }
  // a template without system turns refuses them (Gemma 2) or leaves them out
  const [{ content }, first, ...rest] = all;
  return render(
    first?.role === "user" ? [{ role: "user", content: `${content}\n\n${first.content}` }, ...rest] : all,
  );
}
